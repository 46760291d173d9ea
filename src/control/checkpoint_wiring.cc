#include <spillway/control/checkpoint_wiring.h>

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include <spillway/api/agent_protocol.h>
#include <spillway/api/codec.h>
#include <spillway/cloud/sigv4.h>
#include <spillway/control/keys.h>
#include <spillway/core/check.h>
#include <spillway/storage/layout.h>

namespace spillway::control {
namespace {

using nlohmann::json;
namespace agent = api::agent;
namespace variable = agent::environment;

constexpr std::string_view kTokenKey = "token";
constexpr std::string_view kAuthoritiesKey = "ca.crt";
constexpr std::string_view kAuthoritiesVolume = "spillway-store-authorities";
constexpr std::string_view kAuthoritiesDirectory = "/var/run/spillway/store-authorities";
// What AWS's tools and libraries read.
constexpr std::string_view kAwsAuthorities = "AWS_CA_BUNDLE";
constexpr std::int64_t kDefaultGrace = 30;  // of Kubernetes

// Only jobs that want checkpoints come here.
const api::CheckpointSpec& spec_of(const api::TrainingJob& job) {
  const std::optional<api::CheckpointSpec>& spec = job.spec.checkpoint;
  SPILLWAY_CHECK(spec.has_value());
  return *spec;
}

json with_value(std::string_view name, std::string value) {
  return {{"name", name}, {"value", std::move(value)}};
}

void set_variable(json& container, json entry) {
  json& environment = container["env"];
  if (!environment.is_array()) environment = json::array();
  for (const json& there : environment) {
    if (there.value("name", "") == entry.at("name").get_ref<const std::string&>()) return;
  }
  environment.push_back(std::move(entry));
}

json with_annotation(std::string_view name, std::string_view annotation) {
  return {
      {"name", name},
      {"valueFrom",
       {{"fieldRef", {{"fieldPath", "metadata.annotations['" + std::string(annotation) + "']"}}}}}};
}

std::string expanded(std::string_view name) {
  return "$(" + std::string(name) + ")";
}

// Which pod of which replica it is: the kubelet puts it in where other variables ask for it
// ("$(NAME)"), so these come first. Kubernetes' own counts (KEP-3850).
std::vector<json> replica_variables() {
  return {with_annotation(variable::kReplica, annotation::kCompletionIndex),
          with_annotation(variable::kRetriesCounted, annotation::kFailuresCounted),
          with_annotation(variable::kRetriesIgnored, annotation::kFailuresIgnored),
          with_value(variable::kRetry, expanded(variable::kRetriesCounted) + "-" +
                                           expanded(variable::kRetriesIgnored))};
}

// Where the pods write, and where each replica that retries alone finds what it wrote.
struct Places {
  std::string write;    // of a program in mode Native: below its attempt
  std::string replica;  // empty for a gang
};

Places places_of(const api::TrainingJob& job, const api::TrainingPlacement& placement,
                 const StoreConfig& store) {
  const bool native = spec_of(job).mode == api::CheckpointMode::kNative;
  const std::string all = uri_of(store, job_key(store, job.meta.key, job.meta.uid));
  const std::string attempt = storage::attempt_prefix(storage::Key(), placement.attempt).str();
  if (job.spec.gang) return {.write = native ? all + attempt : all};
  const std::string own = all + "index-" + expanded(variable::kReplica) + "/";
  const std::string pod = attempt + "retry-" + expanded(variable::kRetry) + "/";
  return {.write = native ? own + pod : own, .replica = own};
}

// What every container of the pod may know.
std::vector<json> job_variables(const api::TrainingJob& job,
                                const api::TrainingPlacement& placement) {
  std::vector<json> list{with_value(variable::kJobNamespace, job.meta.key.ns.str()),
                         with_value(variable::kJobName, job.meta.key.name.str()),
                         with_value(variable::kJobUid, job.meta.uid.str()),
                         with_value(variable::kAttempt, std::to_string(placement.attempt.value()))};
  list.push_back({{"name", variable::kToken},
                  {"valueFrom",
                   {{"secretKeyRef",
                     {{"name", token_secret_name(job.meta.uid).str()}, {"key", kTokenKey}}}}}});
  if (const auto& resume = placement.resume_from) {
    list.push_back(with_value(variable::kResumeFrom, resume->uri));
    list.push_back(with_value(variable::kResumeStep, std::to_string(resume->step.value())));
    list.push_back(with_value(variable::kResumeAttempt, std::to_string(resume->attempt.value())));
  }
  return list;
}

// How to reach the store, for those who read and write it.
std::vector<json> store_variables(const StoreConfig& store, const std::string& uri) {
  const cloud::Url& endpoint = store.pods.endpoint.value_or(store.s3.endpoint);
  const bool path = store.s3.addressing == storage::Addressing::kPath;
  std::vector<json> list{with_value(variable::kCheckpointUri, uri),
                         with_value(variable::kStoreEndpoint, endpoint.to_string()),
                         with_value(variable::kStoreRegion, store.s3.region.str()),
                         with_value(variable::kStorePathStyle, path ? "true" : "false")};
  list.push_back(with_value(variable::kStoreCredentials,
                            store.pods.secret.empty() ? store.pods.credentials
                                                      : std::string(agent::kCredentialsDirectory)));
  if (!store.authorities.empty()) {
    const std::string file =
        std::string(kAuthoritiesDirectory) + "/" + std::string(kAuthoritiesKey);
    list.push_back(with_value(variable::kStoreCa, file));
    list.push_back(with_value(kAwsAuthorities, file));
  }
  return list;
}

std::string trigger_text(const api::CheckpointTrigger& trigger) {
  if (trigger.signal) return "signal:" + std::string(api::to_string(*trigger.signal));
  if (trigger.http) return "http:" + std::to_string(trigger.http->port) + trigger.http->path;
  return trigger.file.empty() ? "" : "file:" + trigger.file;
}

void mount(json& container, std::string_view volume, std::string_view path, bool read_only) {
  json entry = {{"name", volume}, {"mountPath", path}};
  if (read_only) entry["readOnly"] = true;
  json& mounts = container["volumeMounts"];
  if (!mounts.is_array()) mounts = json::array();
  for (const json& there : mounts) {
    if (there.value("mountPath", "") == path) return;
  }
  mounts.push_back(std::move(entry));
}

// The volume that a container has at that path already, or ours.
std::string volume_at(const json& pod_spec, const std::string& path) {
  for (const json& container : pod_spec.value("containers", json::array())) {
    for (const json& there : container.value("volumeMounts", json::array())) {
      if (there.value("mountPath", "") == path) return there.value("name", "");
    }
  }
  return std::string(agent::kCheckpointVolume);
}

void add_volume(json& pod_spec, json volume) {
  json& volumes = pod_spec["volumes"];
  if (!volumes.is_array()) volumes = json::array();
  for (const json& there : volumes) {
    if (there.value("name", "") == volume.at("name").get_ref<const std::string&>()) return;
  }
  volumes.push_back(std::move(volume));
}

// What a container needs on its disk to reach the store.
void mount_access(json& container, const StoreConfig& store) {
  if (!store.pods.secret.empty())
    mount(container, agent::kCredentialsVolume, agent::kCredentialsDirectory, true);
  if (!store.authorities.empty()) mount(container, kAuthoritiesVolume, kAuthoritiesDirectory, true);
}

json agent_container(std::string_view name, std::string_view role, const std::string& image) {
  return {
      {"name", name},
      {"image", image},
      {"args", json::array({role})},
      // Admitted where pod security is restricted, if the template's pod is.
      {"securityContext",
       {{"allowPrivilegeEscalation", false}, {"capabilities", {{"drop", json::array({"ALL"})}}}}}};
}

// Which of the pods that save together: one that retries alone saves for itself.
std::vector<json> rank_variables(const api::TrainingJob& job) {
  const std::string size = std::to_string(job.spec.gang ? job.spec.replicas : 1);
  return {with_value(variable::kCheckpointWriters, std::to_string(checkpoint_writers(job))),
          with_value(variable::kWorldSize, size),
          job.spec.gang ? with_annotation(variable::kRank, annotation::kCompletionIndex)
                        : with_value(variable::kRank, "0")};
}

void add_agent(json& pod_spec, const api::TrainingJob& job, const CheckpointWiring& wiring,
               const std::vector<json>& variables) {
  const api::CheckpointSpec& spec = spec_of(job);
  const std::string volume = volume_at(pod_spec, spec.directory);
  if (volume == agent::kCheckpointVolume)
    add_volume(pod_spec, {{"name", volume}, {"emptyDir", json::object()}});
  for (json& container : pod_spec["containers"])
    mount(container, volume, spec.directory, false);

  json restore = agent_container(agent::kRestoreContainer, "restore", wiring.agent.image);
  json sync = agent_container(agent::kSyncContainer, "sync", wiring.agent.image);
  sync["restartPolicy"] = "Always";  // a native sidecar: it outlives the program and no Job waits
  sync["ports"] = json::array({{{"name", agent::kPortName}, {"containerPort", agent::kPort}}});
  if (const std::string trigger = trigger_text(spec.trigger); !trigger.empty())
    set_variable(sync, with_value(variable::kTrigger, trigger));
  if (spec.trigger.signal) pod_spec["shareProcessNamespace"] = true;
  for (json* container : {&restore, &sync}) {
    mount(*container, volume, spec.directory, false);
    for (const json& entry : variables)
      set_variable(*container, entry);
    set_variable(*container, with_value(variable::kCheckpointDirectory, spec.directory));
    set_variable(*container,
                 with_value(variable::kCheckpointFormat, std::string(api::to_string(spec.format))));
    for (const json& entry : rank_variables(job))
      set_variable(*container, entry);
    mount_access(*container, *wiring.store);
  }
  // Before the template's own: what they prepare may build on what was restored.
  json all = json::array({std::move(restore), std::move(sync)});
  for (json& own : pod_spec["initContainers"])
    all.push_back(std::move(own));
  pod_spec["initContainers"] = std::move(all);
}

}  // namespace

std::int64_t checkpoint_writers(const api::TrainingJob& job) {
  if (!job.spec.gang) return 1;
  const auto& size = spec_of(job).world_size;
  return size ? std::min<std::int64_t>(*size, job.spec.replicas) : job.spec.replicas;
}

ObjectName token_secret_name(const Uid& job) {
  return ObjectName("spillway-token-" + job.str());
}

Secret job_token(const Secret& key, const Uid& job) {
  return Secret(cloud::sha256_hex(cloud::hmac_sha256(key.reveal(), "save " + job.str())));
}

namespace {

// Made once, of a job, and never changed.
json immutable_secret(const api::TrainingJob& job, const ObjectName& name, std::string_view key,
                      const std::string& value) {
  return {{"metadata",
           {{"name", name.str()},
            {"namespace", job.meta.key.ns.str()},
            {"labels",
             {{std::string(label::kManagedBy), label::kManagedByValue},
              {std::string(label::kTrainingJob), job.meta.key.name.str()}}},
            {"ownerReferences", json::array({{{"apiVersion", api::kApiVersion},
                                              {"kind", "TrainingJob"},
                                              {"name", job.meta.key.name.str()},
                                              {"uid", job.meta.uid.str()},
                                              {"controller", true}}})}}},
          {"type", "Opaque"},
          {"immutable", true},
          {"stringData", {{std::string(key), value}}}};
}

}  // namespace

json token_secret(const api::TrainingJob& job, const Secret& token) {
  return immutable_secret(job, token_secret_name(job.meta.uid), kTokenKey, token.reveal());
}

ObjectName authorities_name(const StoreConfig& store, const Uid& job) {
  constexpr std::size_t kShort = 10;
  const std::string which = cloud::sha256_hex(store.authorities).substr(0, kShort);
  return ObjectName("spillway-authorities-" + which + "-" + job.str());
}

json authorities_object(const api::TrainingJob& job, const StoreConfig& store) {
  return immutable_secret(job, authorities_name(store, job.meta.uid), kAuthoritiesKey,
                          store.authorities);
}

void wire_checkpoints(json& pod_template, const api::TrainingJob& job,
                      const api::TrainingPlacement& placement, const CheckpointWiring& wiring) {
  const api::CheckpointSpec& spec = spec_of(job);
  const StoreConfig& store = *wiring.store;
  json& pod_spec = pod_template["spec"];
  const bool native = spec.mode == api::CheckpointMode::kNative;
  const Places places = places_of(job, placement, store);

  std::vector<json> known = job.spec.gang ? std::vector<json>() : replica_variables();
  std::vector<json> access = known;
  const auto add = [](std::vector<json>& list, const std::vector<json>& more) {
    list.insert(list.end(), more.begin(), more.end());
  };
  add(known, job_variables(job, placement));
  add(access, store_variables(store, places.write));
  add(access, known);
  if (native && !places.replica.empty())
    access.push_back(with_value(variable::kReplicaUri, places.replica));
  if (!store.pods.secret.empty()) {
    add_volume(pod_spec, {{"name", agent::kCredentialsVolume},
                          {"secret", {{"secretName", store.pods.secret}}}});
  }
  if (!store.authorities.empty()) {
    const std::string name = authorities_name(store, job.meta.uid).str();
    add_volume(pod_spec, {{"name", kAuthoritiesVolume}, {"secret", {{"secretName", name}}}});
  }
  for (json& container : pod_spec["containers"]) {
    for (const json& entry : native ? access : known)
      set_variable(container, entry);
    if (native) mount_access(container, store);
    if (!native)
      set_variable(container, with_value(variable::kCheckpointDirectory, spec.directory));
  }
  if (!native) add_agent(pod_spec, job, wiring, access);
  const auto grace = std::chrono::duration_cast<std::chrono::seconds>(spec.grace).count();
  const std::int64_t own = pod_spec.value("terminationGracePeriodSeconds", kDefaultGrace);
  pod_spec["terminationGracePeriodSeconds"] = std::max<std::int64_t>(own, grace);
}

}  // namespace spillway::control
