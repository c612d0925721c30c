package query

import "strings"

// namePattern replaces what tells the objects of one owner apart by "*":
// ordinals, and the random parts that Kubernetes gives names. It reads names
// such as web-7d9f8c6b54-x2xqz (a Deployment's pod), db-0 (a StatefulSet's) and
// etl-29920403 (a CronJob's Job).
func namePattern(name string) string {
	var out strings.Builder
	starred := false
	for i := 0; i < len(name); {
		end := i
		for end < len(name) && name[end] != '-' && name[end] != '.' {
			end++
		}
		part := name[i:end]
		if i > 0 && isVariable(part, end == len(name)) {
			if !starred {
				out.WriteString("*")
			}
			starred = true
		} else {
			out.WriteString(part)
			starred = false
		}
		if end < len(name) {
			// web-*-* says no more than web-*.
			if next := name[end+1:]; !starred || !isVariable(nextPart(next), !strings.ContainsAny(next, "-.")) {
				out.WriteByte(name[end])
			}
		}
		i = end + 1
	}
	return out.String()
}

func nextPart(name string) string {
	if i := strings.IndexAny(name, "-."); i >= 0 {
		return name[:i]
	}
	return name
}

// safeAlphabet is what k8s.io/apimachinery/pkg/util/rand makes names of.
const safeAlphabet = "bcdfghjklmnpqrstvwxz2456789"

// isVariable tells the parts of a name that nobody chose.
func isVariable(part string, last bool) bool {
	const (
		digits = "0123456789"
		// suffix is how many random characters generateName adds.
		suffix = 5
		// A template's hash has up to 10 characters, seldom fewer than 8.
		shortHash, longHash = 8, 10
		// hexadecimal parts are of UIDs and digests.
		hexadecimal = digits + "abcdef"
	)
	made := func(of string) bool { return strings.Trim(part, of) == "" }
	switch {
	case part == "":
		return false
	case made(digits):
		return true
	case last && len(part) == suffix && made(safeAlphabet):
		return true
	case len(part) >= shortHash && len(part) <= longHash && made(safeAlphabet):
		return true
	}
	return len(part) >= shortHash && made(hexadecimal) && strings.ContainsAny(part, digits)
}
