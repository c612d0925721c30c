package query

import "testing"

func TestNamePattern(t *testing.T) {
	for name, want := range map[string]string{
		"web-7d9f8c6b54-x2xqz":      "web-*",
		"web-6d766595d4":            "web-*",
		"db-0":                      "db-*",
		"db-12":                     "db-*",
		"etl-29920403-sgg4b":        "etl-*",
		"my-web-app":                "my-web-app",
		"ledger":                    "ledger",
		"12":                        "12",
		"x2xqz":                     "x2xqz",
		"node-1":                    "node-*",
		"ip-10-0-0-12.ec2.internal": "ip-*.ec2.internal",
		"pvc-0b6a3c1e-1f5d-4c0e-9c57-2a6d3f0e8b11": "pvc-*-1f5d-4c0e-9c57-*",
		"web-redis": "web-redis",
		"a--b":      "a--b",
		"a-":        "a-",
		"":          "",
	} {
		if got := namePattern(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
