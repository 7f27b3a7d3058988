package h2

import "encoding/binary"

// codeLengths is the length of the code of each symbol from 0 to 256, in bits, as a letter: 'a'
// is 5. The code is canonical (codes of one length are consecutive, in the order of the
// symbols), so that the lengths determine it. See RFC 7541, appendix B.
const codeLengths = "isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhfibccccccccccccccccccccccdcdioijbkabababbbaccbbbabcbaabccccckgjix" +
	"prpprrrsrssssststtrstssssqrsrsstrqprrssqsrrtqrssqqrqsrssprrrsrrsvvporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwvz"

const (
	shortest  = 5  // bits of a code
	longest   = 30 // bits of a code
	tableBits = 12 // the codes up to this length are looked up, two at a time if they fit
	eos       = 256
)

// A pair is what the next tableBits bits begin with: one symbol, or two. bits is 0 if the first
// code is longer.
//
//	bits   00011 00101 01…       'a' 'e', symbols 2, bits 10
//	bits   11111010 …            ',' of 8 bits: 4 are left, and no code is that short: symbols 1
//	bits   111111111100          a code of 13 bits or more: bits 0, see long
//
// 4096 entries of 4 bytes are 16 KiB, half of a first-level cache. A table for 8 bits is
// smaller and reads one symbol at a time; the usual text has codes of 5 to 7 bits, two of which
// fit in 12.
type pair struct{ a, b, symbols, bits uint8 }

// huffman is the code in the form that the decoder reads.
var huffman = newHuffman()

type huffmanCode struct {
	pairs   [1 << tableBits]pair
	limit   [longest + 1]uint32 // by length: the least code that is longer, at the left of 32 bits
	first   [longest + 1]uint32 // by length: the least code of that length, likewise
	base    [longest + 1]uint16 // by length: where its symbols are in symbols
	symbols [eos + 1]uint16     // by code
}

func newHuffman() *huffmanCode {
	h := &huffmanCode{}
	var single [1 << tableBits]pair
	code, n := uint64(0), 0 // code stands at the left of 32 bits
	for length := shortest; length <= longest; length++ {
		h.first[length], h.base[length] = uint32(code), uint16(n)
		for s := range len(codeLengths) {
			if int(codeLengths[s]-'a')+shortest != length {
				continue
			}
			h.symbols[n] = uint16(s)
			n++
			if length <= tableBits {
				at := code >> (32 - tableBits)
				for i := range uint64(1) << (tableBits - length) {
					single[at+i] = pair{a: uint8(s), symbols: 1, bits: uint8(length)}
				}
			}
			code += 1 << (32 - length)
		}
		h.limit[length] = uint32(min(code, 1<<32-1))
	}
	for i, p := range single {
		// The remaining bits after the first code may be a second one, if it ends
		// within them: zeros were shifted in behind.
		if q := single[i<<p.bits&(1<<tableBits-1)]; p.bits > 0 && q.bits > 0 && p.bits+q.bits <= tableBits {
			p.b, p.symbols, p.bits = q.a, 2, p.bits+q.bits
		}
		h.pairs[i] = p
	}
	return h
}

// long reads one code of any length at the left of top, by comparing with the first code of the
// next length: with a canonical code that finds the length, and the distance from the first
// code of it finds the symbol. It returns eos if there is no such code. A codepoint that
// decodes to EOS is an error by itself: RFC 7541, section 5.2.
func (h *huffmanCode) long(top uint32) (symbol uint16, length uint) {
	length = shortest
	for length < longest && top >= h.limit[length] {
		length++
	}
	i := uint32(h.base[length]) + (top-h.first[length])>>(32-length)
	return h.symbols[min(i, eos)], length
}

// appendHuffman appends what src encodes. It returns false if no encoder can have written src,
// so that no two decoders differ in what it says.
func appendHuffman(dst, src []byte) ([]byte, bool) {
	most := len(src)*8/shortest + 2 // a pair is always written whole
	if cap(dst)-len(dst) < most {
		dst = append(make([]byte, 0, len(dst)+max(most, 512)), dst...)
	}
	out, o := dst[len(dst):len(dst)+most], 0
	var bits uint64 // the next n of them, at the left
	var n uint
	for {
		if len(src) >= 8 {
			// Eight bytes are loaded over the n bits that are there; whole bytes of them are
			// used, so that n becomes 56 to 63.
			bits |= binary.BigEndian.Uint64(src) >> n
			src = src[(63-n)>>3:]
			n |= 56
		} else {
			for ; n <= 56 && len(src) > 0; n += 8 {
				bits |= uint64(src[0]) << (56 - n)
				src = src[1:]
			}
		}
		for n >= longest {
			length := uint(huffman.pairs[bits>>(64-tableBits)].bits)
			if length > 0 {
				p := huffman.pairs[bits>>(64-tableBits)]
				out[o], out[o+1] = p.a, p.b
				o += int(p.symbols)
			} else {
				var symbol uint16
				if symbol, length = huffman.long(uint32(bits >> 32)); symbol == eos {
					return dst, false
				}
				out[o] = byte(symbol)
				o++
			}
			bits <<= length
			n -= length
		}
		if len(src) == 0 {
			break
		}
	}
	o, ok := lastSymbols(out, o, bits, n)
	return dst[:len(dst)+o], ok
}

// lastSymbols reads the last n bits, at the left of bits, to out[o:]. Bits that are not a code
// must be padding: fewer than 8, all of them ones (RFC 7541, section 5.2).
func lastSymbols(out []byte, o int, bits uint64, n uint) (int, bool) {
	for n > 0 {
		symbol, length := huffman.long(uint32(bits >> 32))
		if length > n || symbol == eos {
			return o, n < 8 && bits>>(64-n) == 1<<n-1
		}
		out[o] = byte(symbol)
		o++
		bits <<= length
		n -= length
	}
	return o, true
}
