#pragma once
// The form of a request: what is asked of the API server, whichever object it is asked of. Two
// requests of the same form take the same way through the server, so what holds the model to the
// real one (tests/conformance) has to have every form that is sent.

#include <set>
#include <string>

#include <spillway/kube/transport.h>

namespace spillway::conformance {

// One sentence for the request, and one for each part of it that the server acts upon:
//
//   "list pods everywhere ?labelSelector&limit", "list pods everywhere: labels !="
//   "apply trainingjobs.spillway.dev/status ?fieldManager&force", "... : on a version"
//   "patch deployments.apps ?fieldManager", "...: metadata.annotations", "...: spec.replicas"
//   "delete pods", "...: gracePeriodSeconds=0", "...: preconditions.uid"
//
// A patch that removes a field says so with a "-" behind it. Objects that are made or applied are
// taken apart down to the fields of their metadata; what else is in them is their kind's.
std::set<std::string> request_forms(const kube::HttpRequest& request);

}  // namespace spillway::conformance
