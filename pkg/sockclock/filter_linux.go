package sockclock

import "golang.org/x/sys/unix"

// Instructions of the kernel's packet filter language (classic BPF).
const (
	loadWord  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	loadByte  = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	loadHalf  = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
	loadByteX = unix.BPF_LD | unix.BPF_B | unix.BPF_IND // at X plus a constant
	loadHalfX = unix.BPF_LD | unix.BPF_H | unix.BPF_IND
	// X = length of the IPv4 header at a constant
	headLenX = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH
	add      = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_K
	and      = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	shift    = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K
	addX     = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_X
	subX     = unix.BPF_ALU | unix.BPF_SUB | unix.BPF_X
	toX      = unix.BPF_MISC | unix.BPF_TAX
	fromX    = unix.BPF_MISC | unix.BPF_TXA
	equal    = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	anyBit   = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	ret      = unix.BPF_RET | unix.BPF_K
	retA     = unix.BPF_RET | unix.BPF_A
)

// Places that a filter jumps to. They stand for distances until link resolves
// them.
const drop, bounds, data, v6 = 0xfc, 0xfd, 0xfe, 0xff

// The kind of a packet, where filters find it, and that of packets which this
// machine sends.
const packetType, outgoing = 0xfffff000 + 4, unix.PACKET_OUTGOING // SKF_AD_OFF + SKF_AD_PKTTYPE

// segments returns the filter of a capture: incoming TCP segments from the port
// of a server, and outgoing ones to it. Over loopback, where every packet goes
// both ways, each is thus taken once.
func segments(port uint16) []unix.SockFilter {
	in, out := segmentsWith(port, 0), segmentsWith(port, 2)
	p := []unix.SockFilter{
		{Code: loadWord, K: packetType},
		{Code: equal, K: outgoing, Jt: uint8(len(in))},
	}
	return append(append(p, in...), out...)
}

// segmentsWith returns a filter for TCP segments that have the port at that place
// of their header and carry data, or open or close a connection. Packets begin
// with the IP header. The filter returns how many bytes of a packet are kept.
func segmentsWith(port uint16, place uint32) []unix.SockFilter {
	p := []unix.SockFilter{
		{Code: loadByte, K: 0},
		{Code: and, K: 0xf0},
		{Code: equal, K: 0x60, Jt: v6},
		{Code: equal, K: 0x40, Jf: drop},
		{Code: loadByte, K: 9},
		{Code: equal, K: unix.IPPROTO_TCP, Jf: drop},
		{Code: loadHalf, K: 6},
		{Code: anyBit, K: 0x1fff, Jt: drop}, // a later fragment
		{Code: headLenX, K: 0},
		{Code: loadHalfX, K: place},
		{Code: equal, K: uint32(port), Jf: drop},
		{Code: loadByteX, K: 13},
		{Code: anyBit, K: 7, Jt: bounds}, // FIN, SYN, RST
		{Code: loadByteX, K: 12},
		{Code: shift, K: 2},
		{Code: and, K: 0x3c},
		{Code: addX},
		{Code: toX}, // the length of both headers
		{Code: loadHalf, K: 2},
		{Code: subX},
		{Code: equal, K: 0, Jt: drop, Jf: data},
	}
	sixth := len(p)
	p = append(p,
		unix.SockFilter{Code: loadByte, K: 6},
		unix.SockFilter{Code: equal, K: unix.IPPROTO_TCP, Jf: drop},
		unix.SockFilter{Code: loadHalf, K: 40 + place},
		unix.SockFilter{Code: equal, K: uint32(port), Jf: drop},
		unix.SockFilter{Code: loadByte, K: 40 + 13},
		unix.SockFilter{Code: anyBit, K: 7, Jt: bounds},
		unix.SockFilter{Code: loadByte, K: 40 + 12},
		unix.SockFilter{Code: shift, K: 2},
		unix.SockFilter{Code: and, K: 0x3c},
		unix.SockFilter{Code: toX},
		unix.SockFilter{Code: loadHalf, K: 4},
		unix.SockFilter{Code: subX},
		unix.SockFilter{Code: equal, K: 0, Jt: drop},
		unix.SockFilter{Code: fromX},
		unix.SockFilter{Code: add, K: 40},
		unix.SockFilter{Code: retA},
	)
	places := map[uint8]int{v6: sixth, drop: len(p), bounds: len(p) + 1, data: len(p) + 2}
	p = append(p,
		unix.SockFilter{Code: ret, K: 0},
		unix.SockFilter{Code: ret, K: synLen},
		unix.SockFilter{Code: fromX},
		unix.SockFilter{Code: retA},
	)
	link(p, places)
	return p
}

// link replaces places by distances. A jump is relative to the next
// instruction.
func link(p []unix.SockFilter, places map[uint8]int) {
	for i := range p {
		if to, ok := places[p[i].Jt]; ok {
			p[i].Jt = uint8(to - i - 1)
		}
		if to, ok := places[p[i].Jf]; ok {
			p[i].Jf = uint8(to - i - 1)
		}
	}
}
