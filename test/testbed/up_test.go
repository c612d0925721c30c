package main

import (
	"maps"
	"testing"
)

func TestParseVersions(t *testing.T) {
	got, err := parseVersions([]string{"c1=1.36.3", "c2=v1.35.4"})
	if want := map[string]string{"c1": "1.36.3", "c2": "v1.35.4"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("parseVersions = %v, %v; want %v", got, err, want)
	}
	for _, bad := range [][]string{{"1.35.4"}, {"c1="}, {"=1.35.4"}, {"c1=1.36.3", "c1=1.35.4"}} {
		if got, err := parseVersions(bad); err == nil {
			t.Errorf("parseVersions(%q) = %v, want an error", bad, got)
		}
	}
}

func TestChooseAddons(t *testing.T) {
	if got, err := chooseAddons([]string{"metrics"}); err != nil || len(got) != 1 || got[0].Name() != "metrics" {
		t.Errorf("chooseAddons = %v, %v", got, err)
	}
	got, err := chooseAddons([]string{"velero", "snapshots"})
	if err != nil || len(got) != 2 || got[0].Name() != "snapshots" || got[1].Name() != "velero" {
		t.Errorf("chooseAddons = %v, %v: Velero must find snapshots when it starts, and start once", got, err)
	}
	if _, err := chooseAddons([]string{"nonsense"}); err == nil {
		t.Error("an unknown add-on is taken")
	}
}
