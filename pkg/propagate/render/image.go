package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// ImageChange gives an image another name, tag or digest.
type ImageChange struct {
	text string
	// from is the name of the image in full.
	from string
	// to is what stands in the place of the name; empty: it stays.
	to string
	// version is :TAG or @DIGEST; empty: it stays.
	version string
}

// ParseImageChange reads NAME=REF as kustomize does: REF is NAME, NAME:TAG or
// NAME@DIGEST, and NAME:TAG or NAME@DIGEST alone changes only those.
func ParseImageChange(text string) (ImageChange, error) {
	c := ImageChange{text: text}
	from, to, renamed := strings.Cut(text, "=")
	if !renamed {
		to = from
	}
	parsed, err := parseImage(to)
	if err != nil {
		return c, fmt.Errorf("image %q: %w", text, err)
	}
	c.version = parsed.version
	if renamed {
		c.to = parsed.name
	} else {
		from = parsed.name
	}
	source, err := parseImage(from)
	switch {
	case err != nil:
		return c, fmt.Errorf("image %q: %w", text, err)
	case source.version != "":
		return c, fmt.Errorf("image %q: NAME is the image's without tag and digest", text)
	case !renamed && c.version == "":
		return c, fmt.Errorf("image %q: want NAME=NAME[:TAG|@DIGEST], NAME:TAG or NAME@DIGEST", text)
	}
	c.from = source.full.Name()
	return c, nil
}

// image is a reference taken apart: name and version as they are written.
type image struct {
	name, version string
	full          reference.Named
}

func parseImage(text string) (image, error) {
	full, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return image{}, fmt.Errorf("%q is no image: %w", text, err)
	}
	version := ""
	if tagged, is := full.(reference.Tagged); is {
		version = ":" + tagged.Tag()
	}
	if digested, is := full.(reference.Digested); is {
		version += "@" + digested.Digest().String()
	}
	return image{strings.TrimSuffix(text, version), version, full}, nil
}

// Registry is where all images are to come from: a host, and a path if there is
// one.
type Registry string

// ParseRegistry reads HOST[/PATH][/].
func ParseRegistry(text string) (Registry, error) {
	trimmed := strings.TrimSuffix(text, "/")
	if strings.Contains(trimmed, "://") {
		return "", fmt.Errorf("registry %q: leave the scheme away", text)
	}
	// A name behind it shows what of it is the host.
	full, err := reference.ParseNormalizedNamed(trimmed + "/x")
	if err != nil {
		return "", fmt.Errorf("registry %q: want HOST[/PATH]", text)
	}
	if host, _, _ := strings.Cut(trimmed, "/"); reference.Domain(full) != host {
		return "", fmt.Errorf("registry %q: %s is no host: it has neither a dot nor a port", text, host)
	}
	return Registry(trimmed), nil
}

// mirrored is where an image is in the registry: it keeps its path, and loses its
// host.
func (r Registry) mirrored(i image) string {
	if strings.HasPrefix(i.full.Name(), string(r)+"/") {
		return i.full.Name() + i.version
	}
	return string(r) + "/" + reference.Path(i.full) + i.version
}

// images changes what the user wants changed.
func (x *renderer) images() error {
	for _, c := range x.Images {
		met := false
		err := x.eachImage(func(i image) string {
			if i.full.Name() != c.from {
				return ""
			}
			met = true
			return cmp.Or(c.to, i.name) + cmp.Or(c.version, i.version)
		})
		if err != nil {
			return err
		}
		if !met {
			return fmt.Errorf("--image %q: none of the objects has it", c.text)
		}
	}
	return nil
}

// mirror takes all images from the registry. Two that would have one place there
// are refused.
func (x *renderer) mirror() error {
	if x.Registry == "" {
		return nil
	}
	source := map[string]string{}
	var clash error
	err := x.eachImage(func(i image) string {
		name := i.full.Name()
		place := strings.TrimSuffix(x.Registry.mirrored(i), i.version)
		if other, taken := source[place]; taken && other != name && clash == nil {
			clash = fmt.Errorf("--image-registry: %s and %s would both be %s: give one of them another name with --image", other, name, place)
		}
		source[place] = name
		return x.Registry.mirrored(i)
	})
	return cmp.Or(err, clash)
}

// eachImage calls change for every image of every cluster, and puts in its place
// what it returns, unless that is empty.
func (x *renderer) eachImage(change func(image) string) error {
	for _, s := range x.scenes {
		for _, o := range s.objects {
			for _, use := range uses(o.Object) {
				parsed, err := parseImage(use.text)
				if err != nil {
					return o.Lines().Errorf(use.at, "%w", err)
				}
				to := change(parsed)
				if to == "" || to == use.text {
					continue
				}
				if err := o.put(use.at, to); err != nil {
					return o.Lines().Errorf(use.at, "%w", err)
				}
			}
		}
	}
	return nil
}

// use is an image in an object.
type use struct {
	at   manifest.Path
	text string
}

// uses are the images of an object: of all that looks like the containers of a
// pod, in whatever kind, as kustomize does, and of the volumes beside them.
func uses(o manifest.Object) []use {
	var found []use
	findUses(nil, o.Unstructured.Object, &found)
	return found
}

func findUses(at manifest.Path, value any, found *[]use) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(value) {
			findUses(at.Child(key), value[key], found)
		}
		for _, key := range []string{"initContainers", "containers", "ephemeralContainers"} {
			takeUses(at.Child(key), value[key], manifest.Path{"image"}, found)
		}
		if value["containers"] != nil {
			takeUses(at.Child("volumes"), value["volumes"], manifest.Path{"image", "reference"}, found)
		}
	case []any:
		for i, item := range value {
			findUses(at.Child(i), item, found)
		}
	}
}

// takeUses takes a field of every item of a list, where it is a text.
func takeUses(at manifest.Path, list any, field manifest.Path, found *[]use) {
	items, _ := list.([]any)
	for i, item := range items {
		value, _ := look(item, field)
		if text, is := value.(string); is && text != "" {
			*found = append(*found, use{at.Child(append(manifest.Path{i}, field...)...), text})
		}
	}
}

// Images are those that objects use, each once, sorted.
func Images(objects []manifest.Object) []string {
	var all []string
	for _, o := range objects {
		for _, use := range uses(o) {
			all = append(all, use.text)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
