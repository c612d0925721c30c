package simulate

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// with gives a pod a claim.
func with(claim string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}})
	}
}

var gibibyte = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")} //nolint:gochecknoglobals // a constant

// claim is bound to a volume, or to none yet.
func claim(name, class, volume string, mode corev1.PersistentVolumeAccessMode) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", ResourceVersion: "1", UID: "claim", Annotations: map[string]string{}},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{mode}, StorageClassName: &class, VolumeName: volume, Resources: corev1.VolumeResourceRequirements{Requests: gibibyte},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
	}
	if volume != "" {
		c.Annotations["pv.kubernetes.io/bind-completed"] = "yes"
		c.Status.Phase = corev1.ClaimBound
	}
	return c
}

// volume can be used in one zone alone.
func volume(name, class, zone string, mode corev1.PersistentVolumeAccessMode) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "1"},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: class, AccessModes: []corev1.PersistentVolumeAccessMode{mode}, Capacity: gibibyte,
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/data"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}},
			}}}},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeAvailable},
	}
}

func TestVolumes(t *testing.T) {
	const rwo, rwop = corev1.ReadWriteOnce, corev1.ReadWriteOncePod
	three := func() []*corev1.Node {
		return []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4"), node("c", "z2", "4")}
	}
	late := storagev1.VolumeBindingWaitForFirstConsumer
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "late"}, Provisioner: "kubernetes.io/no-provisioner", VolumeBindingMode: &late}
	for _, test := range []struct {
		name    string
		cluster Cluster
		leaving []string
		want    []Verdict
		blocked string
	}{
		{
			name:    "a volume keeps its zone",
			cluster: Cluster{Nodes: three(), Pods: []*corev1.Pod{pod("p", "a", "db", "1", with("data")), pod("q", "b", "web", "4")}, Claims: []*corev1.PersistentVolumeClaim{claim("data", "local", "v", rwo)}, Volumes: []*corev1.PersistentVolume{volume("v", "local", "z1", rwo)}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) didn't match PersistentVolume's node affinity",
		},
		{
			name:    "and there is room in it",
			cluster: Cluster{Nodes: three(), Pods: []*corev1.Pod{pod("p", "a", "db", "1", with("data"))}, Claims: []*corev1.PersistentVolumeClaim{claim("data", "local", "v", rwo)}, Volumes: []*corev1.PersistentVolume{volume("v", "local", "z1", rwo)}},
			leaving: []string{"a"}, want: []Verdict{Fits},
		},
		{
			name: "a claim that waits for its first consumer takes the only volume",
			cluster: Cluster{
				Nodes: three(), Pods: []*corev1.Pod{pod("p", "a", "db", "1", with("data-1"))}, Pending: []*corev1.Pod{pod("w", "", "wait", "1", with("data-2"))},
				StorageClasses: []*storagev1.StorageClass{class}, Volumes: []*corev1.PersistentVolume{volume("v", "late", "z1", rwo)},
				Claims: []*corev1.PersistentVolumeClaim{claim("data-1", "late", "", rwo), claim("data-2", "late", "", rwo)},
			},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) didn't find available persistent volumes to bind",
		},
		{
			name: "there are two volumes for two such claims",
			cluster: Cluster{
				Nodes: three(), Pods: []*corev1.Pod{pod("p", "a", "db", "1", with("data-1"))}, Pending: []*corev1.Pod{pod("w", "", "wait", "1", with("data-2"))},
				StorageClasses: []*storagev1.StorageClass{class}, Volumes: []*corev1.PersistentVolume{volume("v", "late", "z1", rwo), volume("u", "late", "z2", rwo)},
				Claims: []*corev1.PersistentVolumeClaim{claim("data-1", "late", "", rwo), claim("data-2", "late", "", rwo)},
			},
			leaving: []string{"a"}, want: []Verdict{Fits},
		},
		{
			name: "a node that stays after all gives the volume back",
			cluster: Cluster{
				Nodes: append(three(), node("e", "z1", "4")), Pods: []*corev1.Pod{
					pod("p", "a", "db", "2", with("data-1")), pod("x", "a", "db", "1", func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"not": "there"} }), pod("q", "b", "db", "1", with("data-2")),
				},
				StorageClasses: []*storagev1.StorageClass{class}, Volumes: []*corev1.PersistentVolume{volume("v", "late", "z1", rwo)},
				Claims: []*corev1.PersistentVolumeClaim{claim("data-1", "late", "", rwo), claim("data-2", "late", "", rwo)},
			},
			leaving: []string{"a", "b"}, want: []Verdict{NoPlace, Fits},
		},
		{
			name: "one pod alone may have it, and it is the one that leaves",
			cluster: Cluster{Nodes: three(), Pods: []*corev1.Pod{pod("p", "a", "db", "1", with("data"))}, Claims: []*corev1.PersistentVolumeClaim{claim("data", "local", "v", rwop)}, Volumes: []*corev1.PersistentVolume{
				volume("v", "local", "z1", rwop),
			}},
			leaving: []string{"a"}, want: []Verdict{Fits},
		},
		{
			name:    "one pod alone may have it, and another does",
			cluster: Cluster{Nodes: three(), Pods: []*corev1.Pod{pod("p", "a", "db", "1", with("data")), pod("q", "b", "db", "1", with("data"))}, Claims: []*corev1.PersistentVolumeClaim{claim("data", "local", "v", rwop)}, Volumes: []*corev1.PersistentVolume{volume("v", "local", "z1", rwop)}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
		},
		{
			name:    "the claim is gone",
			cluster: Cluster{Nodes: three(), Pods: []*corev1.Pod{pod("p", "a", "db", "1", with("data"))}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: `persistentvolumeclaim "data" not found`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			verdicts(t, place(t, test.cluster, Options{}, test.leaving...), test.want, test.blocked)
		})
	}
}
