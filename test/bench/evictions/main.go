// Command evictions empties nodes by the Eviction API and nothing else: as soon as a
// budget's status allows one more, the next pod is asked to leave. There is no plan, no
// journal, no priorities, no pods without a budget, no gate, and no second look. It is what
// doing nothing else takes, and no bound: whose pods go first is left to chance.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	kubeContext := flag.String("context", "", "the cluster")
	namespace := flag.String("namespace", "", "where the budgets and the pods are")
	nodes := flag.String("nodes", "", "which to empty, with commas between")
	flag.Parse()
	if err := run(context.Background(), *kubeContext, *namespace, strings.Split(*nodes, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeContext, namespace string, nodes []string) error {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{CurrentContext: kubeContext}).ClientConfig()
	if err != nil {
		return err
	}
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := cordon(ctx, client, nodes); err != nil {
		return err
	}
	leaving := map[string]bool{}
	for _, n := range nodes {
		leaving[n] = true
	}
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	budgets, err := client.PolicyV1().PodDisruptionBudgets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	shares := map[types.UID]*share{}
	for i := range budgets.Items {
		b := &budgets.Items[i]
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil {
			return err
		}
		s := &share{client: client, news: make(chan *policyv1.PodDisruptionBudget, 1)}
		for j := range pods.Items {
			if p := &pods.Items[j]; leaving[p.Spec.NodeName] && selector.Matches(labels.Set(p.Labels)) {
				s.pods = append(s.pods, p)
			}
		}
		s.news <- b
		shares[b.UID] = s
	}
	watch, err := client.PolicyV1().PodDisruptionBudgets(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: budgets.ResourceVersion})
	if err != nil {
		return err
	}
	go func() {
		for e := range watch.ResultChan() {
			if b, is := e.Object.(*policyv1.PodDisruptionBudget); is {
				shares[b.UID].tell(b)
			}
		}
	}()
	var group errgroup.Group
	for _, s := range shares {
		group.Go(func() error { return s.empty(ctx) })
	}
	return group.Wait()
}

func cordon(ctx context.Context, client kubernetes.Interface, nodes []string) error {
	var group errgroup.Group
	for _, n := range nodes {
		group.Go(func() error {
			_, err := client.CoreV1().Nodes().Patch(ctx, n, types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
			return err
		})
	}
	return group.Wait()
}

// share is a budget and the pods under it that have to leave.
type share struct {
	client kubernetes.Interface
	pods   []*corev1.Pod
	news   chan *policyv1.PodDisruptionBudget // the newest state that was not looked at
}

func (s *share) tell(b *policyv1.PodDisruptionBudget) {
	select {
	case <-s.news:
	default:
	}
	s.news <- b
}

// empty evicts the pods one by one, each as soon as the budget allows it.
func (s *share) empty(ctx context.Context) error {
	allowed := int32(0)
	for len(s.pods) > 0 {
		if allowed == 0 {
			select {
			case b := <-s.news:
				allowed = b.Status.DisruptionsAllowed
			case <-time.After(time.Minute):
				return fmt.Errorf("pod %s: no budget has changed for a minute", s.pods[0].Name)
			}
			continue
		}
		allowed--
		p := s.pods[0]
		eviction := &policyv1.Eviction{
			ObjectMeta:    metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace},
			DeleteOptions: &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(p.UID))},
		}
		switch err := s.client.PolicyV1().Evictions(p.Namespace).Evict(ctx, eviction); {
		case apierrors.IsTooManyRequests(err):
			allowed = 0
		case err != nil:
			return err
		default:
			s.pods = s.pods[1:]
		}
	}
	return nil
}
