#!/usr/bin/env bash
# kit: updated by the template
# Deploys an overlay, as kubectl's context says where: release.sh OVERLAY [--without-migrations]
#
# Migrations run first. If they fail, or take longer than MIGRATION_TIMEOUT (600 s), pods stay as they are. What an
# overlay adds is applied before the migrations. A rollback is without migrations: those of the later version stay.
# Run one at a time: it deletes the migration job of the release before.
set -euo pipefail

overlay=${1:?"Name an overlay, such as deploy/kubernetes/overlays/production"}
option=${2:-}
timeout=${MIGRATION_TIMEOUT:-600}
component=app.kubernetes.io/component

if [[ $option && $option != --without-migrations ]]; then
    echo "There is no option $option; --without-migrations is one." >&2
    exit 2
fi

run_migrations() {
    local made namespace job conditions=
    kubectl delete --kustomize "$overlay" --selector "$component=migrate" --ignore-not-found
    made=$(kubectl apply --kustomize "$overlay" --selector "$component=migrate" \
        --output 'jsonpath={.metadata.namespace} job/{.metadata.name}')
    read -r namespace job <<<"$made"
    echo "$job started"
    SECONDS=0
    # `kubectl wait` waits for one condition, and would not see that the job fails.
    until [[ $conditions == *Complete* ]]; do
        if [[ $conditions == *Failed* ]] || ((SECONDS >= timeout)); then
            kubectl --namespace "$namespace" logs "$job" --tail=50 ||
                kubectl --namespace "$namespace" describe pods --selector "job-name=${job#job/}" || true
            echo "$job ${conditions:-is not done after $timeout s}: the pods are as before." >&2
            exit 1
        fi
        sleep 1
        # An answer that does not come is no answer: it asks again until the timeout.
        conditions=$(kubectl --namespace "$namespace" get "$job" --output 'jsonpath={.status.conditions[*].type}') ||
            conditions=
    done
    echo "$job complete"
}

kubectl apply --kustomize "$overlay" --selector "$component notin (migrate, web, worker)"
if [[ ! $option ]]; then
    run_migrations
fi
kubectl apply --kustomize "$overlay" --selector "$component in (web, worker)"
kubectl rollout status --kustomize "$overlay" --selector "$component in (web, worker)" --timeout=10m
