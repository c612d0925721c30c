package query

import (
	"context"
	"iter"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// imageTypes are the types that name images. Pods come first: all else stands
// behind them.
func imageTypes() []string {
	return []string{"pods", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch", "jobs.batch"}
}

// findImage reads pods and workloads page by page and keeps only who uses the
// image. A pod counts for the workload that it belongs to in the end.
func (s *finder) findImage(ctx context.Context) error {
	types := imageTypes()
	uses := make([]imageUses, len(types))
	left, err := eachType(ctx, s.m, types, true, func(ctx context.Context, i int, resource member.Resource) error {
		uses[i] = imageUses{}
		ask := member.ListRequest{Resource: resource, Namespace: s.r.Namespace, Limit: DefaultChunkSize}
		for page, err := range s.m.Typed(ctx, ask) {
			if err != nil {
				return err
			}
			err := meta.EachListItem(page, func(object runtime.Object) error { return uses[i].read(*s.r.Image, object) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	s.left = left
	all := imageUses{}
	for _, u := range uses {
		all.join(u)
	}
	if err == nil { // else the cluster is gone, and who owns what stays open
		err = s.climb(ctx, all)
	}
	s.found = s.entries(all)
	return err
}

// workload is who uses an image.
type workload struct {
	schema.GroupVersionKind
	namespace, name string
}

// imageUses are the images that workloads use, by their references.
type imageUses map[workload]map[string]*v1alpha1.FoundImage

// read looks at one pod or workload.
func (u imageUses) read(p ImagePattern, object runtime.Object) error {
	switch o := object.(type) {
	case *corev1.Pod:
		u.readPod(p, o)
	case *appsv1.Deployment:
		u.readSpec(p, ownerOf(&o.ObjectMeta, appsv1.SchemeGroupVersion.WithKind("Deployment")), &o.Spec.Template.Spec)
	case *appsv1.StatefulSet:
		u.readSpec(p, ownerOf(&o.ObjectMeta, appsv1.SchemeGroupVersion.WithKind("StatefulSet")), &o.Spec.Template.Spec)
	case *appsv1.DaemonSet:
		u.readSpec(p, ownerOf(&o.ObjectMeta, appsv1.SchemeGroupVersion.WithKind("DaemonSet")), &o.Spec.Template.Spec)
	case *batchv1.CronJob:
		u.readSpec(p, ownerOf(&o.ObjectMeta, batchv1.SchemeGroupVersion.WithKind("CronJob")), &o.Spec.JobTemplate.Spec.Template.Spec)
	case *batchv1.Job:
		u.readSpec(p, ownerOf(&o.ObjectMeta, batchv1.SchemeGroupVersion.WithKind("Job")), &o.Spec.Template.Spec)
	default:
		return unexpected(object)
	}
	return nil
}

func (u imageUses) readPod(p ImagePattern, pod *corev1.Pod) {
	running := map[string]string{}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range statuses {
			running[statuses[i].Name] = digestOf(statuses[i].ImageID)
		}
	}
	owner := ownerOf(&pod.ObjectMeta, corev1.SchemeGroupVersion.WithKind("Pod"))
	counted := map[string]bool{}
	for container, image := range containers(&pod.Spec) {
		if !p.Matches(image, running[container]) {
			continue
		}
		use := u.use(owner, image, container)
		if digest := running[container]; digest != "" {
			use.Digests = insert(use.Digests, digest)
		}
		if !counted[image] {
			counted[image] = true
			use.Pods++
		}
	}
}

func (u imageUses) readSpec(p ImagePattern, owner workload, spec *corev1.PodSpec) {
	for container, image := range containers(spec) {
		if p.Matches(image, "") {
			u.use(owner, image, container)
		}
	}
}

// containers yields every container of a pod, of whatever sort, and its image.
func containers(spec *corev1.PodSpec) iter.Seq2[string, string] {
	return func(yield func(name, image string) bool) {
		for i := range spec.InitContainers {
			if !yield(spec.InitContainers[i].Name, spec.InitContainers[i].Image) {
				return
			}
		}
		for i := range spec.Containers {
			if !yield(spec.Containers[i].Name, spec.Containers[i].Image) {
				return
			}
		}
		for i := range spec.EphemeralContainers {
			if !yield(spec.EphemeralContainers[i].Name, spec.EphemeralContainers[i].Image) {
				return
			}
		}
	}
}

// use finds the entry of an image of a workload, or makes it.
func (u imageUses) use(w workload, image, container string) *v1alpha1.FoundImage {
	if u[w] == nil {
		u[w] = map[string]*v1alpha1.FoundImage{}
	}
	use := u[w][image]
	if use == nil {
		use = &v1alpha1.FoundImage{Image: image, Containers: []string{}, Digests: []string{}}
		u[w][image] = use
	}
	use.Containers = insert(use.Containers, container)
	return use
}

// join adds what another reader found.
func (u imageUses) join(other imageUses) {
	for w, images := range other {
		for image, found := range images {
			for _, container := range found.Containers {
				use := u.use(w, image, container)
				for _, digest := range found.Digests {
					use.Digests = insert(use.Digests, digest)
				}
			}
			u[w][image].Pods += found.Pods
		}
	}
}

// insert keeps a list of strings sorted and without doubles.
func insert(list []string, s string) []string {
	i, there := slices.BinarySearch(list, s)
	if there {
		return list
	}
	return slices.Insert(list, i, s)
}

func (s *finder) entries(all imageUses) []v1alpha1.Found {
	found := make([]v1alpha1.Found, 0, len(all))
	for w, images := range all {
		resource := member.Resource{GroupVersionResource: w.GroupVersion().WithResource(""), Kind: w.Kind}
		entry := s.entry(resource, metav1.ObjectMeta{Namespace: w.namespace, Name: w.name})
		for _, image := range slices.Sorted(maps.Keys(images)) {
			entry.Images = append(entry.Images, *images[image])
		}
		found = append(found, entry)
	}
	sortFound(found)
	return found
}
