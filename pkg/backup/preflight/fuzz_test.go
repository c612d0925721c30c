package preflight

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// Whatever somebody has written into the ConfigMap is policies, which say something of
// every claim or nothing, or an error that names it.
func FuzzParseVolumePolicies(f *testing.F) {
	f.Add("version: v1\nvolumePolicies: [{conditions: {capacity: '1Gi,', csi: {driver: d, volumeAttributes: {a: b}}}, action: {type: skip}}]")
	f.Add("volumePolicies: [{conditions: {nfs: {}, pvcAccessModes: [ReadWriteOnce], pvcVolumeMode: Block}, action: {type: custom, parameters: {a: 1}}}]")
	f.Add("volumePolicies: [{conditions: {volumeTypes: [csi], pvcLabels: {'/': '!'}}}]")
	f.Add("includeExcludePolicy: {}")
	f.Add("{")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseVolumePolicies("skips", map[string]string{"policies": text})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "ConfigMap skips: ") {
				t.Error(err)
			}
			return
		}
		p.action(&corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{})
	})
}
