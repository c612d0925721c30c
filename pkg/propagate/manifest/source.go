package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Source is where manifests are read.
type Source struct {
	// Files are paths of files and folders, URLs, and "-" for Stdin.
	Files []string
	// Recursive reads the folders in folders too.
	Recursive bool
	// Kustomization is a folder or URL that kustomize builds. It stands alone.
	Kustomization string
	// Stdin is read for "-".
	Stdin io.Reader
}

const stdin = "stdin"

// limits of what is taken for manifests.
const (
	maxBytes     = 256 << 20
	fetchTimeout = 30 * time.Second
)

// Read reads all objects, in the order in which they are written. Every error
// names the place; each is the user's to mend.
func Read(ctx context.Context, s Source) ([]Object, error) {
	var objects []Object
	add := func(source string, data []byte) error {
		parsed, err := Parse(source, data)
		objects = append(objects, parsed...)
		return err
	}
	if s.Kustomization != "" {
		data, err := kustomize(s.Kustomization)
		if err == nil {
			err = add(s.Kustomization, data)
		}
		if err != nil {
			return nil, err
		}
		for i := range objects {
			objects[i].Origin.Line = 0 // nobody sees the lines of what was built
		}
	}
	for _, file := range s.Files {
		if err := s.read(ctx, file, add); err != nil {
			return nil, err
		}
	}
	return objects, Unique(objects)
}

func (s Source) read(ctx context.Context, file string, add func(source string, data []byte) error) error {
	switch {
	case file == "-":
		data, err := readAll(s.Stdin)
		if err != nil {
			return fmt.Errorf("%s: %w", stdin, err)
		}
		return add(stdin, data)
	case isURL(file):
		data, err := fetch(ctx, file)
		if err != nil {
			return err
		}
		return add(file, data)
	}
	files, err := s.expand(file)
	if err != nil {
		return err
	}
	for _, name := range files {
		data, err := readFile(name)
		if err != nil {
			return err
		}
		if err := add(name, data); err != nil {
			return err
		}
	}
	return nil
}

func isURL(file string) bool {
	return strings.HasPrefix(file, "http://") || strings.HasPrefix(file, "https://")
}

// expand is the files that a path means, as kubectl's -f: a file whatever its
// name, and of a folder the .json, .yaml and .yml files.
func (s Source) expand(name string) ([]string, error) {
	info, err := os.Stat(name)
	if of, is := errors.AsType[*fs.PathError](err); is {
		return nil, fmt.Errorf("%s: %w", name, of.Err) // which call it was is nobody's concern
	}
	if err != nil || !info.IsDir() {
		return []string{name}, err
	}
	var files []string
	err = filepath.WalkDir(name, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && at != name && !s.Recursive:
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(at)):
			files = append(files, at)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no .yaml, .yml or .json file in the folder", name)
	}
	return files, err
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	data, err := readAll(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err == nil && len(data) > maxBytes {
		err = fmt.Errorf("more than %d MiB", maxBytes>>20)
	}
	return data, err
}

// fetch gets a manifest once: what a server cannot give now, a person asks for again.
func fetch(ctx context.Context, from string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, fmt.Errorf("%s: not there within %s", from, fetchTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	answer, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if inner, is := errors.AsType[*url.Error](err); is {
			err = inner.Err
		}
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was only read
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: the server says %s", from, answer.Status)
	}
	data, err := readAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return data, nil
}

// Name is what the set is called if nobody says so: the name of the file, folder
// or URL without its extension; empty where there is none.
func (s Source) Name() string {
	from := s.Kustomization
	if from == "" && len(s.Files) == 1 && s.Files[0] != "-" {
		from = s.Files[0]
	}
	if from == "" {
		return ""
	}
	if isURL(from) {
		if parsed, err := url.Parse(from); err == nil {
			from = parsed.Path
		}
	} else if absolute, err := filepath.Abs(from); err == nil {
		from = filepath.ToSlash(absolute)
	}
	base := path.Base(from)
	return strings.TrimSuffix(base, path.Ext(base))
}

// Unique refuses an object that is written twice.
func Unique(objects []Object) error {
	type id struct{ kind, namespace, name string }
	first := map[id]Object{}
	for _, o := range objects {
		key := id{o.GroupVersionKind().GroupKind().String(), o.GetNamespace(), o.GetName()}
		if other, twice := first[key]; twice {
			return &Error{o.Origin, fmt.Errorf("%s is written twice; first at %s", o.What(), cmp.Or(other.Origin.String(), "?"))}
		}
		first[key] = o
	}
	return nil
}
