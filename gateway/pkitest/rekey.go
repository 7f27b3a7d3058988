package pkitest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"net"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// A Rekeyer makes the records of a client of TLS 1.3 that asks for new keys when it likes, which crypto/tls never does.
type Rekeyer struct {
	t      testing.TB
	hash   func() hash.Hash
	suite  func(key []byte) (cipher.AEAD, error)
	size   int // of a key
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	sent   uint64 // records, with this key
}

// NewRekeyer makes a handshake on nc, to which the caller then writes records.
func NewRekeyer(t testing.TB, nc net.Conn, client *tls.Config) *Rekeyer {
	t.Helper()
	var keys bytes.Buffer
	client = client.Clone()
	client.KeyLogWriter, client.MinVersion = &keys, tls.VersionTLS13
	c := tls.Client(nc, client)
	check(t, c.Handshake())
	r := &Rekeyer{t: t, hash: sha256.New, suite: gcm, size: 16}
	switch c.ConnectionState().CipherSuite {
	case tls.TLS_AES_256_GCM_SHA384:
		r.hash, r.size = sha512.New384, 32
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		r.suite, r.size = chacha20poly1305.New, chacha20poly1305.KeySize
	}
	for line := range bytes.Lines(keys.Bytes()) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(string(f[2]))
			check(t, err)
			r.use(secret)
		}
	}
	if r.secret == nil {
		t.Fatal("the handshake has left no secret")
	}
	return r
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// use makes keys of a secret. See RFC 8446, section 7.3.
func (r *Rekeyer) use(secret []byte) {
	var err error
	r.secret, r.sent = secret, 0
	r.iv = r.expand("iv", 12)
	r.aead, err = r.suite(r.expand("key", r.size))
	check(r.t, err)
}

// expand is HKDF-Expand-Label without a context. See RFC 8446, section 7.1.
func (r *Rekeyer) expand(label string, size int) []byte {
	label = "tls13 " + label
	info := string([]byte{0, byte(size), byte(len(label))}) + label + "\x00"
	out, err := hkdf.Expand(r.hash, r.secret, info, size)
	check(r.t, err)
	return out
}

// Records of TLS 1.3, by type. See RFC 8446, section 5.1.
const (
	handshake = 22
	data      = 23
)

// Append appends a record that holds b.
func (r *Rekeyer) Append(dst, b []byte) []byte { return r.seal(dst, data, b) }

// AppendUpdate appends a record that takes a new key into use and asks the other end to do so, too. See RFC 8446, section
// 4.6.3.
func (r *Rekeyer) AppendUpdate(dst []byte) []byte {
	const keyUpdate, requested = 24, 1
	dst = r.seal(dst, handshake, []byte{keyUpdate, 0, 0, 1, requested})
	r.use(r.expand("traffic upd", len(r.secret)))
	return dst
}

func (r *Rekeyer) seal(dst []byte, kind byte, b []byte) []byte {
	nonce := bytes.Clone(r.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^r.sent)
	r.sent++
	plain := append(bytes.Clone(b), kind)
	head := binary.BigEndian.AppendUint16([]byte{data, 3, 3}, uint16(len(plain)+r.aead.Overhead()))
	return r.aead.Seal(append(dst, head...), nonce, plain, head)
}
