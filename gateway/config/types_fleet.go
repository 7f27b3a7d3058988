package config

import "time"

// Fleet is [fleet]. With it the file holds what is this gateway's own, and policies, upstreams, rate limits and routes are
// what all gateways with the same prefix share, in etcd: see "corsgate fleet push".
type Fleet struct {
	// Etcd are the URLs of the members of etcd, all http or all https. Default "https://127.0.0.1:2379".
	Etcd []string
	// Prefix is what the keys of the fleet begin with, and ends with a slash. Default "/corsgate/production/".
	Prefix string
	// Name is this gateway's in the fleet, and no other's. Default "": that of the host.
	Name string
	// TLSCA is a PEM file of authorities that etcd is verified against; "": the system's.
	TLSCA string
	// TLSCert is a PEM file with the client certificate; "": none.
	TLSCert string
	// TLSKey is the PEM file with TLSCert's key.
	TLSKey string
	// Username is who to be to etcd; "": nobody, or whom the client certificate names. Default "".
	Username string
	// PasswordFile is a file with the password of Username and nothing else but a final newline. Nobody but corsgate needs
	// to read it.
	PasswordFile string
	// State is a directory: what the fleet shares is kept there, for the day when etcd cannot be reached. Default "":
	// systemd's $STATE_DIRECTORY, else "/var/lib/corsgate".
	State string
	// Files is a directory as it was written, see [Config.Path]: what the fleet shares may name files below it, relative to
	// it, and no others; no symbolic link leads out of it. Unix sockets of endpoints count as files. Default "": what the
	// fleet shares names none.
	Files string
	// StartTimeout is how long a start waits for etcd before it goes on with what is in State; > 0. Default 5s.
	StartTimeout time.Duration
}
