package member_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// pagesOfPods serves n pods in pages, as tables or objects, and remembers the
// queries. After failAfter pages it answers 500.
func pagesOfPods(n, failAfter int, queries *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*queries = append(*queries, r.URL.RawQuery)
		var at, limit int
		_, _ = fmt.Sscan(r.URL.Query().Get("continue"), &at)
		if _, err := fmt.Sscan(r.URL.Query().Get("limit"), &limit); err != nil {
			limit = n
		}
		if failAfter > 0 && at >= failAfter*limit {
			say(500, status, "InternalError", 500)(w, r)
			return
		}
		until := min(at+limit, n)
		meta := "{}"
		if until < n {
			meta = fmt.Sprintf(`{"continue":"%d","remainingItemCount":%d}`, until, n-until)
		}
		asTable := strings.Contains(r.Header.Get("Accept"), "as=Table")
		var rows []string
		for i := at; i < until; i++ {
			object := fmt.Sprintf(`{"metadata":{"namespace":"ns","name":"p%d","labels":{"n":"%d"}}}`, i, i)
			if asTable {
				object = fmt.Sprintf(`{"cells":["p%d",1000000],"object":%s}`, i, object)
			}
			rows = append(rows, object)
		}
		if asTable {
			say(200, `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":%s,"columnDefinitions":[{"name":"Name","type":"string","format":"name"},{"name":"Count","type":"integer"}],"rows":[%s]}`, meta, strings.Join(rows, ","))(w, r)
			return
		}
		say(200, `{"kind":"PodList","apiVersion":"v1","metadata":%s,"items":[%s]}`, meta, strings.Join(rows, ","))(w, r)
	}
}

func TestTablesFollowThePages(t *testing.T) {
	var queries []string
	s := serve(t, pagesOfPods(5, 0, &queries))
	m := dial(t, s.cluster(), member.Options{})
	var names []string
	for table, err := range m.Tables(t.Context(), member.ListRequest{Resource: member.Pods(), LabelSelector: "a=b", Limit: 2}, metav1.IncludeMetadata) {
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range table.Rows {
			meta, err := member.RowMeta(row)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, meta.Namespace+"/"+meta.Name)
			if row.Cells[1] != int64(1000000) {
				t.Errorf("an integer cell is %v (%T)", row.Cells[1], row.Cells[1])
			}
		}
	}
	if want := []string{"ns/p0", "ns/p1", "ns/p2", "ns/p3", "ns/p4"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	if len(queries) != 3 || !strings.Contains(queries[2], "continue=4") || !strings.Contains(queries[2], "labelSelector=a%3Db") {
		t.Errorf("queries: %q", queries)
	}
}

func TestObjectsKnowTheirKind(t *testing.T) {
	var queries []string
	s := serve(t, pagesOfPods(3, 0, &queries))
	n := 0
	for items, err := range dial(t, s.cluster(), member.Options{}).Objects(t.Context(), member.ListRequest{Resource: member.Pods(), Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			n++
			if item.GetKind() != "Pod" || item.GetAPIVersion() != "v1" {
				t.Errorf("%s is a %q of %q: a List's items must say what they are", item.GetName(), item.GetKind(), item.GetAPIVersion())
			}
		}
	}
	if n != 3 {
		t.Errorf("%d objects, want 3", n)
	}
}

func TestAFailingPageComesAfterTheGoodOnes(t *testing.T) {
	var queries []string
	s := serve(t, pagesOfPods(6, 2, &queries))
	rows, failed := 0, error(nil)
	for table, err := range dial(t, s.cluster(), member.Options{}).Tables(t.Context(), member.ListRequest{Resource: member.Pods(), Limit: 2}, metav1.IncludeNone) {
		if err != nil {
			failed = err
			continue
		}
		rows += len(table.Rows)
	}
	if rows != 4 || member.ReasonOf(failed) != member.ReasonServerError {
		t.Errorf("%d rows and %v, want 4 and a ServerError", rows, failed)
	}
	if len(queries) != 3 {
		t.Errorf("%d requests, want 3: none is repeated, none follows the failure", len(queries))
	}
}

func TestLeavingEarlyAsksNoMore(t *testing.T) {
	var queries []string
	s := serve(t, pagesOfPods(10, 0, &queries))
	for _, err := range dial(t, s.cluster(), member.Options{}).Objects(t.Context(), member.ListRequest{Resource: member.Pods(), Limit: 2}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if len(queries) != 1 {
		t.Errorf("%d requests, want 1", len(queries))
	}
}

func TestCountIsOneSmallRequest(t *testing.T) {
	for _, n := range []int{0, 1, 20000} {
		var queries []string
		s := serve(t, pagesOfPods(n, 0, &queries))
		count, known, err := dial(t, s.cluster(), member.Options{}).Count(t.Context(), member.ListRequest{Resource: member.Pods()})
		if err != nil || !known || count != int64(n) {
			t.Errorf("%d pods are counted as %d (%t, %v)", n, count, known, err)
		}
		if len(queries) != 1 || !strings.Contains(queries[0], "limit=1") || !strings.Contains(queries[0], "includeObject=None") {
			t.Errorf("%d pods: %q", n, queries)
		}
	}
}

func TestAServerWithoutTables(t *testing.T) {
	s := serve(t, say(200, `{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"namespace":"n","name":"a"}}]}`))
	for table, err := range dial(t, s.cluster(), member.Options{}).Tables(t.Context(), member.ListRequest{Resource: member.Pods()}, metav1.IncludeMetadata) {
		if err != nil {
			t.Fatal(err)
		}
		meta, err := member.RowMeta(table.Rows[0])
		if err != nil || meta.Namespace != "n" || table.Rows[0].Cells[0] != "a" || table.Rows[0].Cells[1] != "<unknown>" {
			t.Errorf("%v %v, %v", table.Rows[0].Cells, meta, err)
		}
	}
}
