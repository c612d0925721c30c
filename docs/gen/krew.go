package main

import (
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/docs/gen/family"
)

const manifestFolder = "krew-manifests"

const manifestHeader = `# Code generated from plugins.yaml by docs/gen. DO NOT EDIT.
#
# PLACEHOLDERS, filled in by a release: the version v0.0.0, here and in each uri,
# and every sha256 of zeros. This file cannot be installed as it is.
`

func addManifests(t tree, f family.Family) error {
	for _, p := range f.Plugins {
		content, err := yaml.Marshal(f.Placeholder(p))
		if err != nil {
			return err
		}
		t[manifestFolder+"/"+p.Name+".yaml"] = append([]byte(manifestHeader), content...)
	}
	return nil
}
