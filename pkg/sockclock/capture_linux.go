package sockclock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The ring's shape: 9 MiB, which hold the headers of 65,520 segments, more than a second of them at 50,000 a second.
const (
	// frameSize is 80 for the kernel's own header and as much of a packet as has to be seen: 54 bytes with IPv6.
	frameSize      = 144
	blockSize      = 64 << 10
	blockCount     = 144
	framesPerBlock = blockSize / frameSize // frames do not cross blocks
	frameCount     = blockCount * framesPerBlock
	// synLen is how much is kept of a packet that opens or closes a connection; of others, just the headers.
	synLen = 60
)

// Capture notes every TCP segment that comes from one port of the servers, with the kernel's stamp, in a ring shared with
// the kernel (a packet socket). However late its connection is read, and though the kernel by then has joined the segments
// in the socket, each part of a read keeps its own time of arrival. It needs the right to capture packets (CAP_NET_RAW),
// sees headers only, and only those of that port. It is safe for concurrent use.
type Capture struct {
	fd   int
	ring []byte

	mu    sync.Mutex
	frame int                // the next to look at
	flows map[endpoint]*flow // of connections that are open
}

// endpoint tells connections apart: the port on our side, and the server's address.
type endpoint struct {
	local  uint16
	remote netip.Addr
}

// NewCapture begins to note what comes from a port. Connections opened before are not followed.
func NewCapture(remotePort uint16) (*Capture, error) {
	c := &Capture{flows: map[endpoint]*flow{}}
	var err error
	// Protocol 0: nothing comes in before bind, when the filter and the ring are in place.
	if c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("capture packets, which needs root or CAP_NET_RAW: %w", err)
	}
	fail := func(what string, err error) (*Capture, error) {
		unix.Close(c.fd)
		return nil, fmt.Errorf("capture packets: %s: %w", what, err)
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return fail("ring version", err)
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fail("leave out what is sent", err)
	}
	filter := segmentsFrom(remotePort)
	if err := unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}); err != nil {
		return fail("filter", err)
	}
	if err := unix.SetsockoptTpacketReq(c.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq{
		Block_size: blockSize, Block_nr: blockCount, Frame_size: frameSize, Frame_nr: frameCount}); err != nil {
		return fail("ring", err)
	}
	if c.ring, err = unix.Mmap(c.fd, 0, blockSize*blockCount, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fail("map the ring", err)
	}
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)) // in network order
	if err := unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: all}); err != nil {
		unix.Munmap(c.ring)
		return fail("bind", err)
	}
	return c, nil
}

// Close ends the capture.
func (c *Capture) Close() error {
	return errors.Join(os.NewSyscallError("munmap", unix.Munmap(c.ring)), os.NewSyscallError("close", unix.Close(c.fd)))
}

// Flow follows one connection of ours, which has just been opened. It is nil when that was not seen, as when the address is
// translated on the way.
func (c *Capture) Flow(local, remote netip.AddrPort) *Flow {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
	if f := c.flows[endpoint{local.Port(), remote.Addr().Unmap()}]; f != nil {
		return &Flow{c, f}
	}
	return nil
}

// Flow is one connection's arrivals.
type Flow struct {
	capture *Capture
	flow    *flow
}

// Take appends the parts in which the n bytes arrived that were read just now. They add up to n.
func (f *Flow) Take(n int, parts []Part) []Part {
	f.capture.mu.Lock()
	defer f.capture.mu.Unlock()
	if !f.flow.covers(n) {
		f.capture.drain()
	}
	return f.flow.take(n, parts)
}

// drain notes all segments in the ring. The lock is held.
func (c *Capture) drain() {
	for {
		at := c.frame/framesPerBlock*blockSize + c.frame%framesPerBlock*frameSize
		frame := c.ring[at : at+frameSize]
		h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&frame[0]))
		if atomic.LoadUint32(&h.Status)&unix.TP_STATUS_USER == 0 {
			return
		}
		from, to := int(h.Net), int(h.Net)+int(h.Snaplen)
		if to <= len(frame) {
			c.packet(frame[from:to], int(h.Len), int64(h.Sec)*1e9+int64(h.Nsec))
		}
		atomic.StoreUint32(&h.Status, unix.TP_STATUS_KERNEL)
		c.frame = (c.frame + 1) % frameCount
	}
}

// packet notes one packet, of which b is the beginning and size the whole length. The filter has let it through, so it is TCP.
func (c *Capture) packet(b []byte, size int, wall int64) {
	var remote netip.Addr
	var head int
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		remote, head = netip.AddrFrom4([4]byte(b[12:16])), int(b[0]&15)*4
		if total := int(binary.BigEndian.Uint16(b[2:])); total != 0 { // 0: joined to more than fits into the field
			size = total // without the link's padding
		}
	case len(b) >= 40 && b[0]>>4 == 6:
		remote, head = netip.AddrFrom16([16]byte(b[8:24])), 40
		if payload := int(binary.BigEndian.Uint16(b[4:])); payload != 0 {
			size = head + payload
		}
	default:
		return
	}
	if len(b) < head+14 {
		return
	}
	tcp := b[head:]
	e := endpoint{binary.BigEndian.Uint16(tcp[2:]), remote}
	sequence := binary.BigEndian.Uint32(tcp[4:])
	const fin, syn, rst = 1, 2, 4
	f := c.flows[e]
	if tcp[13]&syn != 0 {
		// The SYN itself counts as one. It may be sent again, while someone follows the flow already.
		if f == nil || f.start != sequence+1 {
			c.flows[e] = newFlow(sequence + 1)
		}
		return
	}
	if f != nil {
		f.arrive(sequence, size-head-int(tcp[12]>>4)*4, wall)
		if tcp[13]&(fin|rst) != 0 {
			delete(c.flows, e) // who follows it has it still
		}
	}
}

// segmentsFrom is the filter, in the kernel's packet filter language: TCP from the port that carries data, or opens or
// closes a connection. Packets begin with the IP header. What it returns is how much of a packet is kept.
func segmentsFrom(port uint16) []unix.SockFilter {
	const (
		loadByte  = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		loadHalf  = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		loadByteX = unix.BPF_LD | unix.BPF_B | unix.BPF_IND // at X plus a constant
		loadHalfX = unix.BPF_LD | unix.BPF_H | unix.BPF_IND
		headLenX  = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH // X = length of the IPv4 header at a constant
		add       = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_K
		and       = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
		shift     = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K
		addX      = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_X
		subX      = unix.BPF_ALU | unix.BPF_SUB | unix.BPF_X
		toX       = unix.BPF_MISC | unix.BPF_TAX
		fromX     = unix.BPF_MISC | unix.BPF_TXA
		equal     = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		anyBit    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		ret       = unix.BPF_RET | unix.BPF_K
		retA      = unix.BPF_RET | unix.BPF_A
	)
	const drop, bounds, data, v6 = 0xfc, 0xfd, 0xfe, 0xff // places to jump to, filled in below
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
		{Code: loadHalfX, K: 0},
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
		unix.SockFilter{Code: loadHalf, K: 40},
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
	ends := map[uint8]int{v6: sixth, drop: len(p), bounds: len(p) + 1, data: len(p) + 2}
	p = append(p,
		unix.SockFilter{Code: ret, K: 0},
		unix.SockFilter{Code: ret, K: synLen},
		unix.SockFilter{Code: fromX},
		unix.SockFilter{Code: retA},
	)
	for i := range p {
		// A jump is relative to the instruction after it.
		if to, ok := ends[p[i].Jt]; ok {
			p[i].Jt = uint8(to - i - 1)
		}
		if to, ok := ends[p[i].Jf]; ok {
			p[i].Jf = uint8(to - i - 1)
		}
	}
	return p
}
