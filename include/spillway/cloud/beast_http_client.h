#pragma once
// A second HttpClient, for the bodies of object stores: a body of many megabytes is sent from where
// it lies and received where it stays, all on the control thread, with certificates of a private
// authority where a store has one. make_http_client() copies a body several times and knows the
// system's certificates only.

#include <memory>
#include <string>
#include <vector>

#include <spillway/cloud/http.h>

namespace spillway::cloud {

struct BeastHttpOptions {
  std::vector<std::string> allowed_origins;  // as HttpClientOptions::allowed_origins
  // Speaks to every origin: only for addresses that no object of a tenant can choose, such as those
  // of pods.
  bool any_origin = false;
  std::string ca_bundle;  // PEM; trusted besides the system's certificates; empty = those alone
  std::size_t max_idle_per_origin = 16;  // connections kept open
};

// HTTP/1.1 over Beast, TLS 1.2 and later, no redirects. GET, HEAD, PUT and DELETE are sent a second
// time when a kept connection turns out to be closed before any answer (RFC 9110, 9.2.2).
// Everything runs on runtime.executor: one thread. Destroy it with no coroutine left inside send().
// kInvalidArgument when the bundle holds no certificate.
Result<std::unique_ptr<HttpClient>> make_beast_http_client(const Runtime& runtime,
                                                           BeastHttpOptions options);

}  // namespace spillway::cloud
