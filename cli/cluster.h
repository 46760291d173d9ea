#pragma once
// The live cluster, read once and never written: every mutating request is refused inside this
// program, whatever the user may do.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <spillway/control/world.h>
#include <spillway/core/clock.h>
#include <spillway/core/result.h>
#include <spillway/kube/client.h>

namespace spillway::cli {

struct ConnectionFlags {
  std::string kubeconfig;  // empty: the usual order (kube/config.h)
  std::string context;
  std::string ns;  // empty: the context's
};

// What a user sees of the cluster: complete, or the rights that are missing for it.
struct Reading {
  control::World world;              // of what may be listed
  std::vector<std::string> missing;  // "nodes", "pods", "jobs.batch": may not be listed
  std::vector<std::string> remarks;  // objects that cannot be understood, one sentence each
};

// Lists, page by page, what the operator watches. Errors: the cluster is not to be reached, or has
// no Spillway. A forbidden list is no error but Reading::missing.
Task<Result<Reading>> read_world(kube::Client& client);

// "this user may not list nodes and pods in the whole cluster, ...": what to ask for.
std::string missing_rights(const std::vector<std::string>& missing);

class Cluster {
 public:
  // Reads the kubeconfig; nothing is sent yet. kInvalidArgument says what to write instead.
  static Result<std::unique_ptr<Cluster>> connect(const ConnectionFlags& flags);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  Result<Reading> read();
  Result<nlohmann::json> get(kube::ResourceType type, ObjectKey key);
  [[nodiscard]] const Namespace& ns() const;  // of the flags, else of the context
  [[nodiscard]] const std::string& description() const;
  [[nodiscard]] Instant now() const;

 private:
  struct Parts;
  explicit Cluster(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace spillway::cli
