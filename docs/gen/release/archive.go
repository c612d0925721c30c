package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"time"
)

// entry is one file of an archive.
type entry struct {
	name    string
	mode    int64
	content []byte
}

// archive packs files as a zip, or else as a tar.gz. Nothing of the machine is in
// it: no owner, and the time is that of the commit.
func archive(entries []entry, at time.Time, zipped bool) ([]byte, error) {
	var packed bytes.Buffer
	if zipped {
		err := writeZip(&packed, entries, at)
		return packed.Bytes(), err
	}
	compressed := gzip.NewWriter(&packed)
	if err := writeTar(compressed, entries, at); err != nil {
		return nil, err
	}
	err := compressed.Close()
	return packed.Bytes(), err
}

func writeTar(w io.Writer, entries []entry, at time.Time) error {
	files := tar.NewWriter(w)
	for _, e := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.content)), ModTime: at, Format: tar.FormatUSTAR}
		if err := files.WriteHeader(header); err != nil {
			return err
		}
		if _, err := files.Write(e.content); err != nil {
			return err
		}
	}
	return files.Close()
}

func writeZip(w io.Writer, entries []entry, at time.Time) error {
	files := zip.NewWriter(w)
	for _, e := range entries {
		// No mode: the external attributes say on which system it was packed.
		file, err := files.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: at})
		if err != nil {
			return err
		}
		if _, err := file.Write(e.content); err != nil {
			return err
		}
	}
	return files.Close()
}
