package config

import "time"

// Fleet is [fleet]. With it, policies, upstreams, auth, rate limits and routes are in etcd, where all gateways with the same prefix
// share them, and the file holds the rest: see "corsgate fleet push".
type Fleet struct {
	// Etcd are the URLs of the members of etcd, all http or all https. Default "https://127.0.0.1:2379".
	Etcd []string
	// Prefix is the prefix of the fleet's keys, and ends with a slash. Default "/corsgate/production/".
	Prefix string
	// Name is the name of this gateway, unique in the fleet. Default "": the host's name.
	Name string
	// TLSCA is a PEM file of authorities that etcd is verified against. Default "": the system's.
	TLSCA string
	// TLSCert is a PEM file with the client certificate. Default "": none.
	TLSCert string
	// TLSKey is the PEM file with the key of [Fleet.TLSCert]. Default "".
	TLSKey string
	// Username is the name of the etcd user. Default "": none, or the one that the client certificate names.
	Username string
	// PasswordFile is a file that contains the password of [Fleet.Username] alone, with or without a final newline. Only
	// corsgate needs to read it. Default "": none.
	PasswordFile string
	// State is a directory that keeps a copy of the shared configuration, for times when etcd cannot be reached. Default "":
	// systemd's $STATE_DIRECTORY, else "/var/lib/corsgate".
	State string
	// Files is a directory: the shared configuration may name files below it, relative to it, and no others; symbolic links
	// cannot lead out of it. Unix sockets of endpoints count as files. As written: see [Config.Path]. Default "": the shared
	// configuration names no files.
	Files string
	// StartTimeout is how long a start waits for etcd before it uses the copy in [Fleet.State]; > 0. Default 5s.
	StartTimeout time.Duration
}
