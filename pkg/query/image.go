package query

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// ImagePattern says which images are looked for: as much of a reference as the
// user knows.
type ImagePattern struct {
	// segments of the repository, each a glob. None: any repository.
	segments []string
	// tag is a glob; empty: any.
	tag string
	// digest is the beginning of one; empty: any.
	digest string
}

// digestAlgorithm begins every digest that registries use.
const digestAlgorithm = "sha256:"

// ParseImagePattern reads [REGISTRY/][PATH/…]NAME[:TAG][@DIGEST], or a digest
// alone. Each segment of the repository and the tag may be globs; a digest may
// be cut short.
func ParseImagePattern(text string) (ImagePattern, error) {
	if text == "" {
		return ImagePattern{}, errors.New("an empty image")
	}
	if strings.HasPrefix(text, digestAlgorithm) {
		return ImagePattern{digest: text}, nil
	}
	repository, tag, digest := splitImage(text)
	if digest != "" && !strings.HasPrefix(digest, digestAlgorithm) {
		return ImagePattern{}, fmt.Errorf("image %q: a digest begins with %s", text, digestAlgorithm)
	}
	p := ImagePattern{tag: tag, digest: digest}
	if repository != "" {
		p.segments = strings.Split(repository, "/")
		if registry := p.segments[0]; len(p.segments) > 1 && isDockerHub(registry) {
			p.segments = repositoryOf(repository)
		}
	}
	for _, glob := range append(slices.Clone(p.segments), tag) {
		if _, err := path.Match(glob, ""); err != nil {
			return ImagePattern{}, fmt.Errorf("image %q: %q is no glob", text, glob)
		}
	}
	if slices.Contains(p.segments, "") {
		return ImagePattern{}, fmt.Errorf("image %q: an empty part of the repository", text)
	}
	return p, nil
}

// Matches tells whether a container's image is meant. running is the digest
// that a pod really runs, if one is known.
func (p ImagePattern) Matches(image, running string) bool {
	repository, tag, digest := splitImage(image)
	if p.digest != "" && (digest == "" || !strings.HasPrefix(digest, p.digest)) &&
		(running == "" || !strings.HasPrefix(running, p.digest)) {
		return false
	}
	if p.tag != "" {
		if tag == "" && digest == "" {
			tag = "latest" // what a reference without either means
		}
		if !globMatch(p.tag, tag) {
			return false
		}
	}
	segments := repositoryOf(repository)
	at := 0
	if p.tag != "" || p.digest != "" { // it belongs to the whole repository
		at = max(0, len(segments)-len(p.segments))
	}
	for ; at+len(p.segments) <= len(segments); at++ {
		if slices.EqualFunc(p.segments, segments[at:at+len(p.segments)], globMatch) {
			return true
		}
	}
	return false
}

// globMatch is path.Match of a pattern that has been checked.
func globMatch(pattern, name string) bool {
	is, err := path.Match(pattern, name)
	return err == nil && is
}

// splitImage takes a reference apart.
func splitImage(image string) (repository, tag, digest string) {
	repository, digest, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(repository, ":"); colon > strings.LastIndex(repository, "/") {
		repository, tag = repository[:colon], repository[colon+1:]
	}
	return repository, tag, digest
}

// repositoryOf is a repository in full, by Docker's rules: what begins with no
// host is on Docker Hub, and there a name alone is in library.
func repositoryOf(repository string) []string {
	segments := strings.Split(repository, "/")
	if first := segments[0]; len(segments) == 1 || (!strings.ContainsAny(first, ".:") && first != "localhost") {
		segments = slices.Insert(segments, 0, dockerHub)
	}
	if isDockerHub(segments[0]) {
		segments[0] = dockerHub
		if len(segments) == 2 {
			segments = slices.Insert(segments, 1, "library")
		}
	}
	return segments
}

const dockerHub = "docker.io"

func isDockerHub(registry string) bool { return registry == dockerHub || registry == "index.docker.io" }

// digestOf is the digest in a container's imageID, such as
// docker.io/library/nginx@sha256:91f…; empty before the image is there.
func digestOf(imageID string) string {
	if at := strings.LastIndex(imageID, "@"); at >= 0 {
		return imageID[at+1:]
	}
	if strings.HasPrefix(imageID, digestAlgorithm) {
		return imageID
	}
	return ""
}
