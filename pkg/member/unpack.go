package member

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"runtime"
)

// acceptGzip asks for a compressed answer that net/http leaves as it is.
const acceptGzip = "gzip"

// gzipMagic is what every gzip stream begins with (RFC 1952, 2.3.1), and no
// JSON or protobuf of Kubernetes.
const gzipMagic = "\x1f\x8b"

// unpackers unpack and parse answers, no more of them at a time than there are
// processors. A page is a tenth of its size until its turn is there: fifty
// clusters that answer at once would otherwise lie in memory unpacked, waiting.
// Nobody holds an unpacker while a server is waited for.
type unpackers chan *unpacker

func newUnpackers() unpackers {
	u := make(unpackers, runtime.GOMAXPROCS(0))
	for range cap(u) {
		u <- &unpacker{}
	}
	return u
}

// use parses an answer, which is not parse's to keep.
func (u unpackers) use(ctx context.Context, answer []byte, parse func(plain []byte) error) error {
	select {
	case mine := <-u:
		defer func() { u <- mine }()
		plain, err := mine.unpack(answer)
		if err != nil {
			return err
		}
		return parse(plain)
	case <-ctx.Done():
		return canceled(ctx)
	}
}

// unpacker is the room that unpacking takes, for use again and again.
type unpacker struct {
	reader *gzip.Reader
	plain  bytes.Buffer
}

func (u *unpacker) unpack(answer []byte) ([]byte, error) {
	if !bytes.HasPrefix(answer, []byte(gzipMagic)) {
		return answer, nil
	}
	packed := bytes.NewReader(answer)
	var err error
	if u.reader == nil {
		u.reader, err = gzip.NewReader(packed)
	} else {
		err = u.reader.Reset(packed)
	}
	if err != nil {
		u.reader = nil
		return nil, err
	}
	u.plain.Reset()
	_, err = u.plain.ReadFrom(u.reader)
	return u.plain.Bytes(), err
}

// plainError unpacks the body of an error, which client-go reads, as net/http
// would have done if it had asked for the compression itself.
func plainError(resp *http.Response) {
	if resp.Header.Get("Content-Encoding") != acceptGzip {
		return
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Body = &gunzipped{ReadCloser: resp.Body}
}

// gunzipped is a compressed body, plain. Nothing is read before the first Read.
type gunzipped struct {
	io.ReadCloser
	plain *gzip.Reader
}

func (g *gunzipped) Read(p []byte) (int, error) {
	if g.plain == nil {
		var err error
		if g.plain, err = gzip.NewReader(g.ReadCloser); err != nil {
			return 0, err
		}
	}
	return g.plain.Read(p)
}
