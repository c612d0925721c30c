package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// MaxNameLength bounds a member name, in characters. It leaves room for a
// prefix or suffix within the 63 of a label value or an object's name.
const MaxNameLength = 40

// hashLength is how many hexadecimal digits tell apart two contexts that would
// have the same member name.
const hashLength = 6

var (
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html
	eksARN  = regexp.MustCompile(`^arn:[^:]+:eks:([^:]*):[^:]*:cluster/(.+)$`)
	notName = regexp.MustCompile(`[^a-z0-9]+`)
)

// MemberNames derives a member name from each context name. The result depends
// on nothing but the set of contexts: where two contexts would get the same
// name, each gets a hash of its own context name, so that adding a context to a
// kubeconfig never lets a name mean another cluster than before.
func MemberNames(contexts []string) map[string]string {
	users := make(map[string]int, len(contexts))
	for _, c := range contexts {
		users[readableName(c)]++
	}
	names := make(map[string]string, len(contexts))
	for _, c := range contexts {
		name := readableName(c)
		if users[name] > 1 {
			name = withHash(name, c)
		}
		names[c] = name
	}
	return names
}

// ValidateName says what is wrong with a member name that a person chose.
func ValidateName(name string) error {
	if errs := validation.IsDNS1123Label(name); len(errs) > 0 {
		return fmt.Errorf("member name %q: %s", name, errs[0])
	}
	if len(name) > MaxNameLength {
		return fmt.Errorf("member name %q has %d characters; at most %d are allowed", name, len(name), MaxNameLength)
	}
	return nil
}

func readableName(context string) string {
	readable := context
	if arn := eksARN.FindStringSubmatch(context); arn != nil {
		readable = arn[2] + "-" + arn[1]
	}
	name := strings.Trim(notName.ReplaceAllString(strings.ToLower(readable), "-"), "-")
	if name == "" {
		return withHash("context", context)
	}
	if len(name) > MaxNameLength {
		return withHash(name, context)
	}
	return name
}

func withHash(name, context string) string {
	sum := sha256.Sum256([]byte(context))
	if room := MaxNameLength - 1 - hashLength; len(name) > room {
		name = name[:room]
	}
	return strings.TrimRight(name, "-") + "-" + hex.EncodeToString(sum[:])[:hashLength]
}

// ValidateNames makes sure that no two clusters of a listing have one name:
// rows, exclusions and journals would mean either.
func ValidateNames(cs []Cluster) error {
	seen := make(map[string]Cluster, len(cs))
	for _, c := range cs {
		if other, twice := seen[c.Name]; twice {
			return fmt.Errorf("two clusters are called %q (contexts %q and %q): give one of them another name in the fleet file", c.Name, other.Context, c.Context)
		}
		seen[c.Name] = c
	}
	return nil
}
