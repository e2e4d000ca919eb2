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

// The ring has 9 MiB, room for the headers of 65,520 segments: more than a
// second of traffic at 50,000 segments a second.
const (
	// frameSize has room for the kernel's own header (80 bytes) and the part of a packet that is
	// needed (54 bytes with IPv6), aligned to 16.
	frameSize      = 144
	blockSize      = 64 << 10
	blockCount     = 144
	framesPerBlock = blockSize / frameSize // frames do not cross blocks
	frameCount     = blockCount * framesPerBlock
	// synLen is how many bytes are kept of a packet that opens or closes a connection. Of other
	// packets only the headers are kept.
	synLen = 60
)

// Capture records every TCP segment from and to one port of a server, with the
// kernel's stamp, in a ring shared with the kernel (a packet socket). Each part
// of a read thus keeps its own time of arrival, however late the connection is
// read, and even if the kernel has joined segments in the socket; and the first
// byte of a request has the time when it left. It needs the right to capture
// packets (CAP_NET_RAW), and sees only headers from and to that port. It is safe
// for concurrent use.
type Capture struct {
	fd   int
	port uint16
	ring []byte

	mu    sync.Mutex
	frame int                // next frame of the ring
	flows map[endpoint]*flow // what open connections receive
	sent  map[endpoint]*flow // what they send
}

// endpoint identifies a connection: the port on our side and the server's
// address.
type endpoint struct {
	local  uint16
	remote netip.Addr
}

func newCapture(port uint16) *Capture {
	return &Capture{port: port, flows: map[endpoint]*flow{}, sent: map[endpoint]*flow{}}
}

// NewCapture starts to record segments from a port. It does not follow
// connections opened before.
func NewCapture(remotePort uint16) (*Capture, error) {
	c := newCapture(remotePort)
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
	filter := segments(remotePort)
	if err := unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}); err != nil {
		return fail("filter", err)
	}
	if err := unix.SetsockoptTpacketReq(c.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq{
		Block_size: blockSize, Block_nr: blockCount,
		Frame_size: frameSize, Frame_nr: frameCount,
	}); err != nil {
		return fail("ring", err)
	}
	c.ring, err = unix.Mmap(c.fd, 0, blockSize*blockCount, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED)
	if err != nil {
		return fail("map the ring", err)
	}
	// in network order
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: all}); err != nil {
		unix.Munmap(c.ring)
		return fail("bind", err)
	}
	return c, nil
}

// Close ends the capture.
func (c *Capture) Close() error {
	return errors.Join(os.NewSyscallError("munmap", unix.Munmap(c.ring)),
		os.NewSyscallError("close", unix.Close(c.fd)))
}

// Flow returns the arrivals of a connection that has just been opened; nil if
// its opening was not captured, as when its address is translated on the way.
func (c *Capture) Flow(local, remote netip.AddrPort) *Flow {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain()
	e := endpoint{local.Port(), remote.Addr().Unmap()}
	if in, out := c.flows[e], c.sent[e]; in != nil && out != nil {
		return &Flow{c, in, out}
	}
	return nil
}

// Flow is the segments of one connection.
type Flow struct {
	capture *Capture
	in, out *flow
}

// Take appends the parts in which the n bytes just read arrived. Their lengths
// add up to n.
func (f *Flow) Take(n int, parts []Part) []Part {
	f.capture.mu.Lock()
	defer f.capture.mu.Unlock()
	if !f.in.covers(n) {
		f.capture.drain()
	}
	return f.in.take(n, parts)
}

// Sent returns when the first of the next n bytes left, in nanoseconds since
// 1970, or 0 if that was not captured. All n have left.
func (f *Flow) Sent(n int) (wall int64) {
	f.capture.mu.Lock()
	defer f.capture.mu.Unlock()
	if !f.out.covers(n) {
		f.capture.drain()
	}
	parts := f.out.take(n, nil)
	if len(parts) == 0 {
		return 0
	}
	return parts[0].Wall
}

// drain records all segments in the ring. The caller holds the lock.
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

// packet records one packet; b is its beginning and size its whole length. It
// is TCP, or the filter would have dropped it.
func (c *Capture) packet(b []byte, size int, wall int64) {
	var from, to netip.Addr
	var head int
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		from, to = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		head = int(b[0]&15) * 4
		// 0: joined segments, longer than the field can say
		if total := int(binary.BigEndian.Uint16(b[2:])); total != 0 {
			size = total // without the link's padding
		}
	case len(b) >= 40 && b[0]>>4 == 6:
		from, to = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		head = 40
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
	source, target := binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:])
	s := tcpSegment{
		sequence: binary.BigEndian.Uint32(tcp[4:]), flags: tcp[13],
		payload: size - head - int(tcp[12]>>4)*4, wall: wall,
	}
	if source == c.port {
		s.record(c.flows, endpoint{target, from})
	} else {
		s.record(c.sent, endpoint{source, to})
	}
}

// tcpSegment is what is needed of a segment.
type tcpSegment struct {
	sequence uint32
	flags    byte
	payload  int
	wall     int64
}

// record adds the segment to its flow.
func (s *tcpSegment) record(flows map[endpoint]*flow, e endpoint) {
	const fin, syn, rst = 1, 2, 4
	f := flows[e]
	if s.flags&syn != 0 {
		// The SYN itself takes one number. It may be retransmitted when the flow is already in use.
		if f == nil || f.start != s.sequence+1 {
			flows[e] = newFlow(s.sequence + 1)
		}
		return
	}
	if f != nil {
		f.arrive(s.sequence, s.payload, s.wall)
		if s.flags&(fin|rst) != 0 {
			delete(flows, e) // its Flow still has it
		}
	}
}
