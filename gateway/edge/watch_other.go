//go:build !unix

package edge

// Watch cannot look here: that the client has gone shows when something is sent.
func (*Conn) Watch(func()) (stop func()) { return func() {} }
