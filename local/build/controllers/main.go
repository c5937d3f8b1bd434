// SPDX-License-Identifier: Apache-2.0

// Command controllers runs those of kube-controller-manager's controllers that a cluster without kubelets needs: Kubernetes' own
// packages under their own accounts, wired as cmd/kube-controller-manager/app wires them. That program brings the other forty with
// it, volumes and the kubelet's packages among them, which takes minutes to build.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"

	apiextensionsscheme "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/scheme"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	clientset "k8s.io/client-go/kubernetes"
	k8sscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/controller-manager/pkg/clientbuilder"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/certificates/rootcacertpublisher"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/controller/validatingadmissionpolicystatus"
	"k8s.io/kubernetes/pkg/generated/openapi"
)

const (
	resync            = 12 * time.Hour
	discoveryInterval = 30 * time.Second
	namespaceResync   = 5 * time.Minute
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "as kube-controller-manager's")
	rootCAFile := flag.String("root-ca-file", "", "as kube-controller-manager's")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	must(run(ctx, *kubeconfig, *rootCAFile))
}

func run(ctx context.Context, kubeconfig, rootCAFile string) error {
	rootCA, err := os.ReadFile(rootCAFile)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 20, 30
	root := clientbuilder.SimpleControllerClientBuilder{ClientConfig: config}
	// Each controller acts as the service account that Kubernetes' own roles are bound to.
	accounts := clientbuilder.NewDynamicClientBuilder(
		restclient.AnonymousClientConfig(config), root.ClientOrDie("controllers").CoreV1(), metav1.NamespaceSystem)

	shared := informers.NewSharedInformerFactoryWithOptions(
		root.ClientOrDie("shared-informers"), resync, informers.WithTransform(withoutManagedFields))
	metadataClient := metadata.NewForConfigOrDie(root.ConfigOrDie("metadata-informers"))
	metadataInformers := metadatainformer.NewSharedInformerFactoryWithOptions(
		metadataClient, resync, metadatainformer.WithTransform(withoutManagedFields))
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(
		memory.NewMemCacheClient(root.DiscoveryClientOrDie("controller-discovery")))
	go wait.Until(mapper.Reset, discoveryInterval, ctx.Done())
	started := make(chan struct{})

	gcConfig := accounts.ConfigOrDie("generic-garbage-collector")
	gcConfig.QPS *= 2
	graph := garbagecollector.NewDependencyGraphBuilder(ctx, metadataClient, mapper, ignored(),
		informerfactory.NewInformerFactory(shared, metadataInformers), started)
	gc, err := garbagecollector.NewComposedGarbageCollector(ctx,
		accounts.ClientOrDie("generic-garbage-collector"), metadata.NewForConfigOrDie(gcConfig), mapper, graph)
	if err != nil {
		return err
	}

	namespaceConfig := accounts.ConfigOrDie("namespace-controller")
	// It asks for every resource there is, for each namespace that goes.
	namespaceConfig.QPS *= 20
	namespaceConfig.Burst *= 100
	namespaceClient := clientset.NewForConfigOrDie(namespaceConfig)
	namespaces := namespace.NewNamespaceController(ctx, namespaceClient, metadata.NewForConfigOrDie(namespaceConfig),
		namespaceClient.Discovery().ServerPreferredNamespacedResources,
		shared.Core().V1().Namespaces(), namespaceResync, "kubernetes")

	serviceAccounts, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx),
		shared.Core().V1().ServiceAccounts(), shared.Core().V1().Namespaces(),
		accounts.ClientOrDie("service-account-controller"), serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return err
	}
	rootCAs, err := rootcacertpublisher.NewPublisher(shared.Core().V1().ConfigMaps(), shared.Core().V1().Namespaces(),
		accounts.ClientOrDie("root-ca-cert-publisher"), rootCA)
	if err != nil {
		return err
	}
	roles := clusterroleaggregation.NewClusterRoleAggregation(shared.Rbac().V1().ClusterRoles(),
		accounts.ClientOrDie("clusterrole-aggregation-controller").RbacV1())

	const policyAccount = "validatingadmissionpolicy-status-controller"
	schemas := resolver.NewDefinitionsSchemaResolver(
		openapi.GetOpenAPIDefinitions, k8sscheme.Scheme, apiextensionsscheme.Scheme).
		Combine(&resolver.ClientDiscoveryResolver{Discovery: accounts.DiscoveryClientOrDie(policyAccount)})
	policies, err := validatingadmissionpolicystatus.NewController(
		shared.Admissionregistration().V1().ValidatingAdmissionPolicies(),
		accounts.ClientOrDie(policyAccount).AdmissionregistrationV1().ValidatingAdmissionPolicies(),
		&validating.TypeChecker{SchemaResolver: schemas, RestMapper: mapper})
	if err != nil {
		return err
	}

	shared.Start(ctx.Done())
	metadataInformers.Start(ctx.Done())
	close(started)
	go gc.Run(ctx, 20, discoveryInterval)
	go gc.Sync(ctx, accounts.DiscoveryClientOrDie("generic-garbage-collector"), discoveryInterval)
	go namespaces.Run(ctx, 10)
	go serviceAccounts.Run(ctx, 1)
	go rootCAs.Run(ctx, 1)
	go roles.Run(ctx, 5)
	go policies.Run(ctx, 5)
	<-ctx.Done()
	return nil
}

func withoutManagedFields(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}

// As kube-controller-manager's defaults: what changes all the time and owns nothing.
func ignored() map[schema.GroupResource]struct{} {
	return garbagecollector.DefaultIgnoredResources()
}

func must(err error) {
	if err != nil {
		klog.ErrorS(err, "controllers ended")
		klog.FlushAndExit(klog.ExitFlushTimeout, 1)
	}
}
