package node

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"time"
)

// blob is a part of an image.
type blob struct {
	kind string
	data []byte
}

func (b blob) digest() string {
	sum := sha256.Sum256(b.data)
	return hex.EncodeToString(sum[:])
}

func (b blob) descriptor() map[string]any {
	return map[string]any{"mediaType": b.kind, "digest": "sha256:" + b.digest(), "size": len(b.data)}
}

// writeImage writes an image of one layer (OCI image layout): a program that waits to be ended, and an empty root file system around
// it whose programs are those of the volume at /usr.
func writeImage(file, program string) error {
	content, err := layer(program)
	if err != nil {
		return err
	}
	fs := blob{"application/vnd.oci.image.layer.v1.tar", content}
	config := blob{kind: "application/vnd.oci.image.config.v1+json"}
	if config.data, err = json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/node", "pause"}, "Env": []string{"PATH=/usr/sbin:/usr/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + fs.digest()}},
	}); err != nil {
		return err
	}
	manifest := blob{kind: "application/vnd.oci.image.manifest.v1+json"}
	if manifest.data, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifest.kind, "config": config.descriptor(), "layers": []any{fs.descriptor()},
	}); err != nil {
		return err
	}
	named := manifest.descriptor()
	named["annotations"] = map[string]string{"io.containerd.image.name": Image}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{named}})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion": "1.0.0"}`)}, {"index.json", index},
		{"blobs/sha256/" + fs.digest(), fs.data}, {"blobs/sha256/" + config.digest(), config.data}, {"blobs/sha256/" + manifest.digest(), manifest.data},
	} {
		if err := add(w, tar.Header{Name: f.name, Mode: 0o644}, f.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o600)
}

// layer is the root file system.
func layer(program string) ([]byte, error) {
	text, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"dev", "etc", "proc", "run", "sys", "usr"} {
		if err := add(w, tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o755}, nil); err != nil {
			return nil, err
		}
	}
	if err := add(w, tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil); err != nil {
		return nil, err
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := add(w, tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: "usr/" + name, Mode: 0o777}, nil); err != nil {
			return nil, err
		}
	}
	if err := add(w, tar.Header{Name: "node", Mode: 0o755}, text); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

func add(w *tar.Writer, h tar.Header, data []byte) error {
	h.Size, h.ModTime = int64(len(data)), time.Unix(0, 0)
	if err := w.WriteHeader(&h); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}
