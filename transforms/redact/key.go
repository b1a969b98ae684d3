package redact

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// key is the key of the hashes. One that is not given is made when the first
// secret is found, not before: whoever only looks at a configuration leaves no
// file behind.
type key struct {
	dry  bool   // a key that is made is not kept
	file string // where to keep the one that is made; "" for nowhere
	log  *slog.Logger

	once sync.Once
	text []byte // nil until it is there
}

const keySize = 32

var errOpenKey = errors.New("others than its owner may read it; chmod 600")

// open reads the key that is given, or that was made before.
func (k *key) open(s *Settings, dir string, log *slog.Logger) error {
	k.log = log
	if !s.Key.IsZero() {
		given := s.Key
		if given.File != "" && !filepath.IsAbs(given.File) {
			given.File = filepath.Join(dir, given.File)
		}
		text, err := given.Read()
		if err != nil {
			return fmt.Errorf("read the key: %w", err)
		}
		if text == "" {
			return errors.New("the key is empty")
		}
		k.text = []byte(text)
		return nil
	}
	if k.file = s.KeyFile.Value; k.file == "" {
		return nil
	}
	if !filepath.IsAbs(k.file) {
		k.file = filepath.Join(dir, k.file)
	}
	text, err := readKey(k.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	k.text = text
	return err
}

// readKey reads a key that was made.
func readKey(file string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = errOpenKey
	}
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", file, err)
	}
	buf := make([]byte, 2*keySize+1)
	n, err := f.Read(buf)
	text := strings.TrimSpace(string(buf[:n]))
	if b, bad := hex.DecodeString(text); err != nil || bad != nil || len(b) != keySize {
		return nil, fmt.Errorf("read the key %s: it is not %d hex digits; remove it and a new one is made", file, 2*keySize)
	}
	return []byte(text), nil
}

// get returns the key, and makes it where there is none.
func (k *key) get() []byte {
	k.once.Do(func() {
		if k.text != nil {
			return
		}
		var b [keySize]byte
		_, _ = rand.Read(b[:]) // it does not fail: crypto/rand ends the process instead
		k.text = []byte(hex.EncodeToString(b[:]))
		if k.dry {
			return
		}
		if err := k.keep(); err != nil {
			k.log.Warn("the key of redacted secrets cannot be kept; after a restart or a reload equal secrets have other hashes", "error", err,
				"hint", "give a key with key: {file: …}, or name a file that can be written with key_file")
		}
	})
	return k.text
}

// keep writes the key that was made. One that another process wrote meanwhile is
// taken instead.
func (k *key) keep() error {
	if k.file == "" {
		return errors.New("key_file is empty")
	}
	f, err := os.OpenFile(k.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, fs.ErrExist) {
		text, err := readKey(k.file)
		if err == nil {
			k.text = text
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("make the key: %w", err)
	}
	_, err = f.Write(append(k.text[:len(k.text):len(k.text)], '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("make the key: %w", errors.Join(err, os.Remove(k.file)))
	}
	k.log.Info("a key for redacted secrets was made", "file", k.file)
	return nil
}

// hasher makes the hashes of one goroutine.
type hasher struct {
	k   *key
	mac hash.Hash
	sum []byte
}

// digest is what stands for a secret: 8 hex digits of its hash.
type digest [8]byte

func (h *hasher) digest(secret string) (d digest) {
	if h.mac == nil {
		h.mac = hmac.New(sha256.New, h.k.get())
	}
	h.mac.Reset()
	_, _ = h.mac.Write([]byte(secret)) // a hash takes everything
	h.sum = h.mac.Sum(h.sum[:0])
	hex.Encode(d[:], h.sum[:4])
	return d
}

// What stands for a secret: [redacted:1f9a03c7].
const (
	markOpen = "[redacted:"
	markSize = len(markOpen) + 8 + 1
)

// append appends the text that stands for a secret.
func (d digest) append(b []byte) []byte {
	return append(append(append(b, markOpen...), d[:]...), ']')
}

// marked reports whether s is such a text. Another that only begins like one is
// no less a secret.
func marked(s string) bool {
	if len(s) != markSize || !strings.HasPrefix(s, markOpen) || s[markSize-1] != ']' {
		return false
	}
	for _, c := range s[len(markOpen) : markSize-1] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
