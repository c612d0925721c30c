package weight

import "fmt"

// Room is how many replicas fit into a cluster.
type Room struct {
	Cluster string
	Fits    int64
}

// NoRoomError is that fewer replicas fit into all clusters than there are.
type NoRoomError struct{ Total, Fit int64 }

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("%d replicas do not fit: there is room for %d", e.Total, e.Fit)
}

// ByFree divides total in proportion to the room there is, as Karmada does for a
// first schedule by dynamic weight AvailableReplicas. No cluster gets more than
// fit, since all of them together have room: the method of Webster gives every
// cluster exactly its weight when total is the sum of them, and less of total is
// less for each or the same.
func ByFree(total int64, rooms []Room) ([]Share, error) {
	weights := make([]Weight, len(rooms))
	for i, r := range rooms {
		weights[i] = Weight{r.Cluster, r.Fits}
	}
	fit, err := check(0, weights)
	if err != nil {
		return nil, fmt.Errorf("room: %w", err)
	}
	if total > int64(fit) {
		return nil, &NoRoomError{Total: total, Fit: int64(fit)}
	}
	return Split(total, weights)
}
