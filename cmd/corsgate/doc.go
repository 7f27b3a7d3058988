// Command corsgate is an edge gateway for APIs that browsers call: it answers CORS preflights
// itself, enforces one CORS policy per route, and forwards the rest.
//
// # The packages
//
// Package main holds the command tree, and the life of a process that serves. The rest is in packages of its own, below
// internal. An arrow names the packages among these that a package imports, and all of them are further down. After the
// bar are those of gateway's; "gateway" is gateway itself, "config" is gateway/config, and so on. A test reads this table
// and holds the imports to it.
//
//	main            the command tree; serve, reload, signals  → cli collector commands fleetcmd logs node operators source systemd terminal upgrade
//	                                                          | gateway admin config fetch fleet listen printable
//	├─ commands     check, convert, explain, key, …           → cli convert demo probe report source terminal | auth config explain fetch
//	├─ fleetcmd     the command fleet                         → cli report source terminal | config explain fetch fleet printable
//	├─ convert      other gateways' files as a policy         | cors matcher
//	├─ demo         a gateway, an API and two pages           | gateway config edge fetch
//	├─ probe        CORS questions to any server              | cors fetch matcher
//	├─ report       the problems of a configuration           → cli source | gateway config
//	├─ cli          exit statuses, flags, arguments           → source | config
//	├─ node         a gateway as a member of its fleet        → lastgood source | gateway admin config fleet
//	├─ source       where configurations come from            → lastgood | gateway config fleet tlsconf
//	├─ lastgood     the last good revision, kept on disk      | fleet
//	├─ operators    the admin listener                        → upgrade | admin config edge listen socket
//	├─ upgrade      a successor that inherits the sockets     | config listen socket
//	├─ logs         the process's log, and the access log     → terminal | access config printable
//	├─ terminal     whether a person reads the output         | printable
//	├─ systemd      notifications to the service manager
//	├─ collector    when the garbage collector runs
//	│               for tests:
//	├─ browser      the gateway's pages in Chromium           | tooltest
//	└─ printabletest  text that would control a terminal
package main
