package query

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// defaultContainer is the annotation by which a pod says which container people
// mean (KEP-2227).
const defaultContainer = "kubectl.kubernetes.io/default-container"

// LogSource is one container's log.
type LogSource struct {
	Pod       *Pod
	Container string
	// Others: the pod has more containers than this one.
	Others bool
	// Defaulted: nobody said which of several containers is meant.
	Defaulted bool
}

// String is CLUSTER/POD, or CLUSTER/POD/CONTAINER where there are several.
func (s LogSource) String() string {
	name := s.Pod.Cluster.Name + "/" + s.Pod.Name
	if s.Others {
		name += "/" + s.Container
	}
	return name
}

// NoContainerError is a pod without the container asked for.
type NoContainerError struct {
	Pod       *Pod
	Container string
}

func (e *NoContainerError) Error() string {
	return fmt.Sprintf("container %q not found in pod %q, which has: %s", e.Container, e.Pod.Name, strings.Join(containerNames(&e.Pod.Pod), ", "))
}

// sources are the logs to read of the pods: of one container each, or with All
// of every container, those that prepare the pod first. A pod without the
// container asked for lacks it, and is no source.
func (r LogRequest) sources(pods []Pod) (sources []LogSource, lacking []*NoContainerError) {
	for i := range pods {
		pod := &pods[i]
		names := containerNames(&pod.Pod)
		source := LogSource{Pod: pod, Others: len(names) > 1}
		if r.All {
			for _, source.Container = range names {
				sources = append(sources, source)
			}
			continue
		}
		chosen, defaulted, err := ContainerOf(pod, r.Container)
		if err != nil {
			lacking = append(lacking, err)
			continue
		}
		source.Container, source.Defaulted = chosen, defaulted
		sources = append(sources, source)
	}
	return sources, lacking
}

// ContainerOf chooses a container as kubectl does: the one asked for, else the
// one that the pod's annotation names, else the first. defaulted says that there
// are others and nobody chose.
func ContainerOf(pod *Pod, asked string) (name string, defaulted bool, missing *NoContainerError) {
	names := containerNames(&pod.Pod)
	if asked == "" {
		asked = pod.Annotations[defaultContainer]
	}
	if asked == "" && len(pod.Spec.Containers) > 0 {
		return pod.Spec.Containers[0].Name, len(names) > 1, nil
	}
	for _, name := range names {
		if name == asked {
			return name, false, nil
		}
	}
	return "", false, &NoContainerError{Pod: pod, Container: asked}
}

// containerNames lists the containers of a pod in the order in which they start.
func containerNames(pod *corev1.Pod) []string {
	var names []string
	for name := range containers(&pod.Spec) {
		names = append(names, name)
	}
	return names
}
