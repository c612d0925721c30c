package member

import (
	"context"
	"encoding/json"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/rest"
)

// WithToken is the way to the same server as somebody else: whose bearer token
// it is. Of the credentials of this member it has none.
func (m *Member) WithToken(ctx context.Context, token string) (*Member, error) {
	config := rest.AnonymousClientConfig(m.config)
	config.BearerToken = token
	c := m.cluster
	c.Access = fixedAccess{config}
	return newMember(ctx, c, m.options, &Pool{unpackers: m.unpackers})
}

// fixedAccess is an Accessor of a configuration that is there.
type fixedAccess struct{ config *rest.Config }

func (a fixedAccess) RESTConfig(context.Context) (*rest.Config, error) {
	return rest.CopyConfig(a.config), nil
}

// Whoami asks the server whom it takes us for (SelfSubjectReview, KEP-3325).
func (m *Member) Whoami(ctx context.Context) (authenticationv1.UserInfo, error) {
	const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	review := &authenticationv1.SelfSubjectReview{}
	review.SetGroupVersionKind(authenticationv1.SchemeGroupVersion.WithKind("SelfSubjectReview"))
	body, err := json.Marshal(review)
	if err != nil {
		return authenticationv1.UserInfo{}, m.classify(err)
	}
	data, err := m.write(ctx, m.rest.Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(body), WriteOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	err = decode(path, data, review)
	return review.Status.UserInfo, err
}
