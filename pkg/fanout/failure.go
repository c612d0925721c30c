package fanout

// Failure is one cluster's failure as commands report it.
type Failure struct {
	// Cluster is the member name.
	Cluster string
	// Inventory is the one that listed it, empty where that is the user's own
	// kubeconfig for certain.
	Inventory string
	Err       error
	// Rows counts what was got of the cluster before it failed, and is shown.
	Rows int
}

// Failures lists the failures among the results. rows says how much of a
// failed cluster's value is shown; nil means none.
func (rs Results[T]) Failures(rows func(T) int) []Failure {
	var failures []Failure
	for _, r := range rs {
		if r.Err == nil {
			continue
		}
		f := Failure{Cluster: r.Cluster.Name, Inventory: r.Cluster.Provider, Err: r.Err}
		if rows != nil {
			f.Rows = rows(r.Value)
		}
		failures = append(failures, f)
	}
	return failures
}
