package audit

import (
	"strconv"
	"strings"
)

// code says what a number stands for: one of several alternatives, any of
// several bits, or both.
type code struct {
	mask uint64            // the bits that are an alternative
	one  map[uint64]string // the alternatives
	bits []bit             // what the others mean; a name of several bits stands before those of its parts
	zero string            // the text of 0 where there are only bits
}

// wordCache keeps the texts of several names that were made of late, because the
// same few numbers come again and again.
type wordCache [64]struct {
	c    *code
	n    uint64
	text string
}

type bit struct {
	n    uint64
	name string
}

const everyBit = ^uint64(0)

// alternatives reads "PREFIX_ A=1 B C=0x10": names and what they stand for. A name
// without a number is one more than the one before. The prefix ends with _, or is -.
func alternatives(text string) *code {
	c := &code{mask: everyBit, one: map[uint64]string{}}
	for _, b := range namedNumbers(text) {
		if _, ok := c.one[b.n]; !ok {
			c.one[b.n] = b.name
		}
	}
	return c
}

// flags reads the same as bits.
func flags(text string) *code { return &code{bits: namedNumbers(text)} }

// mixed is an alternative in the bits of mask, beside flags.
func mixed(mask uint64, of *code, bits string) *code {
	return &code{mask: mask, one: of.one, bits: namedNumbers(bits)}
}

func namedNumbers(text string) []bit {
	words := strings.Fields(text)
	prefix := strings.TrimPrefix(words[0], "-")
	out := make([]bit, 0, len(words)-1)
	var next uint64
	for _, w := range words[1:] {
		name, num, ok := strings.Cut(w, "=")
		if ok {
			n, err := strconv.ParseUint(num, 0, 64)
			if err != nil {
				panic("audit: a table has a number that is none: " + w)
			}
			next = n
		}
		out = append(out, bit{next, prefix + name})
		next++
	}
	return out
}

// text returns the names of a number, "" where it says nothing that the number
// does not: A, A|B, A|0x40 with the bits that no name is known of.
func (c *code) text(f *facts, n uint64) string {
	name, all := "", n
	if c.mask != 0 {
		var ok bool
		if name, ok = c.one[n]; ok {
			return name
		}
		if name, ok = c.one[n&c.mask]; !ok && c.mask == everyBit {
			return ""
		} else if ok {
			n &^= c.mask
		}
	} else if n == 0 {
		return c.zero
	}
	if n == 0 {
		return name
	}
	at := &f.recent[all*0x9E3779B97F4A7C15>>58]
	if at.c == c && at.n == all {
		return at.text
	}
	b := f.buf[:0]
	b = append(b, name...)
	some := name != ""
	for i := range c.bits {
		x := &c.bits[i]
		if n&x.n != x.n || x.n == 0 {
			continue
		}
		if n &^= x.n; len(b) == 0 && n == 0 {
			return x.name
		}
		b = append(bar(b), x.name...)
		some = true
	}
	if n != 0 {
		b = strconv.AppendUint(append(bar(b), "0x"...), n, 16)
	}
	f.buf = b
	if !some {
		return ""
	}
	at.c, at.n, at.text = c, all, string(b) // not of the arena: it would keep a chunk alive
	return at.text
}

// bar appends what stands between two names.
func bar(b []byte) []byte {
	if len(b) > 0 {
		return append(b, '|')
	}
	return b
}

// lists are the names of what more than one field or argument is made of.
type lists struct {
	signal, family, sockType, protocol, capability, prot, mapping, uring, seccomp, resolve, listener *code
	capSet                                                                                           *code // CAP_* as bits
}

func newLists() lists {
	l := lists{
		signal: alternatives(`SIG HUP=1 INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN
			TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS`),
		family: alternatives(`AF_ UNSPEC=0 UNIX INET AX25 IPX APPLETALK NETROM BRIDGE ATMPVC X25 INET6 ROSE DECnet NETBEUI SECURITY KEY
			NETLINK PACKET ASH ECONET ATMSVC RDS SNA IRDA PPPOX WANPIPE LLC IB MPLS CAN TIPC BLUETOOTH IUCV RXRPC ISDN PHONET IEEE802154
			CAIF ALG NFC VSOCK KCM QIPCRTR SMC XDP MCTP`),
		protocol: alternatives(`IPPROTO_ IP=0 ICMP IGMP IPIP=4 TCP=6 EGP=8 PUP=12 UDP=17 IDP=22 TP=29 DCCP=33 IPV6=41 ROUTING=43 FRAGMENT=44
			RSVP=46 GRE=47 ESP=50 AH=51 ICMPV6=58 NONE=59 DSTOPTS=60 OSPF=89 PIM=103 COMP=108 VRRP=112 L2TP=115 SCTP=132 UDPLITE=136 MPLS=137 RAW=255 MPTCP=262`),
		capability: alternatives("CAP_ " + capabilities),
		prot:       flags(`PROT_ READ=1 WRITE=2 EXEC=4 SEM=8 GROWSDOWN=0x1000000 GROWSUP=0x2000000`),
		uring: alternatives(`IORING_OP_ NOP=0 READV WRITEV FSYNC READ_FIXED WRITE_FIXED POLL_ADD POLL_REMOVE SYNC_FILE_RANGE SENDMSG RECVMSG
			TIMEOUT TIMEOUT_REMOVE ACCEPT ASYNC_CANCEL LINK_TIMEOUT CONNECT FALLOCATE OPENAT CLOSE FILES_UPDATE STATX READ WRITE FADVISE MADVISE
			SEND RECV OPENAT2 EPOLL_CTL SPLICE PROVIDE_BUFFERS REMOVE_BUFFERS TEE SHUTDOWN RENAMEAT UNLINKAT MKDIRAT SYMLINKAT LINKAT MSG_RING
			FSETXATTR SETXATTR FGETXATTR GETXATTR SOCKET URING_CMD SEND_ZC SENDMSG_ZC READ_MULTISHOT WAITID FUTEX_WAIT FUTEX_WAKE FUTEX_WAITV
			FIXED_FD_INSTALL FTRUNCATE BIND LISTEN RECV_ZC EPOLL_WAIT READV_FIXED WRITEV_FIXED PIPE NOP128 URING_CMD128`),
		seccomp: alternatives(`SECCOMP_RET_ KILL_THREAD=0 TRAP=0x30000 ERRNO=0x50000 USER_NOTIF=0x7fc00000 TRACE=0x7ff00000 LOG=0x7ffc0000
			ALLOW=0x7fff0000 KILL_PROCESS=0x80000000`),
		resolve:  flags(`RESOLVE_ NO_XDEV=1 NO_MAGICLINKS=2 NO_SYMLINKS=4 BENEATH=8 IN_ROOT=0x10 CACHED=0x20`),
		listener: alternatives(`FAN_ ALLOW=1 DENY=2`),
		capSet:   &code{},
	}
	kind := alternatives(`SOCK_ STREAM=1 DGRAM RAW RDM SEQPACKET DCCP PACKET=10`)
	l.sockType = mixed(0xf, kind, `SOCK_ NONBLOCK=0x800 CLOEXEC=0x80000`)
	l.mapping = mixed(0xf, alternatives(`MAP_ FILE=0 SHARED=1 PRIVATE SHARED_VALIDATE DROPPABLE=8`),
		`MAP_ FIXED=0x10 ANONYMOUS=0x20 GROWSDOWN=0x100 DENYWRITE=0x800 EXECUTABLE=0x1000 LOCKED=0x2000 NORESERVE=0x4000 POPULATE=0x8000
		NONBLOCK=0x10000 STACK=0x20000 HUGETLB=0x40000 SYNC=0x80000 FIXED_NOREPLACE=0x100000 UNINITIALIZED=0x4000000`)
	for n := uint64(34); n <= 64; n++ { // glibc keeps the first two of them for itself
		name := "SIGRTMIN"
		if n > 34 {
			name += "+" + strconv.FormatUint(n-34, 10)
		}
		l.signal.one[n] = name
	}
	for i, name := range strings.Fields(capabilities) {
		l.capSet.bits = append(l.capSet.bits, bit{1 << i, "CAP_" + strings.TrimSuffix(name, "=0")})
	}
	return l
}

// capabilities are those of linux/capability.h, from 0.
const capabilities = `CHOWN=0 DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
	NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
	SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND
	AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
