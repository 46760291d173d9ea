#include "simulation_input.h"

#include <set>

#include <spillway/api/codec.h>
#include <spillway/core/text.h>
#include <spillway/sim/kinds.h>

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxManifests = 20'000;
constexpr std::string_view kPrefix = "simulate.spillway.dev/";
constexpr std::size_t kMostDigits = 8;  // of a number of seconds: three years
constexpr Duration kProvisioning = std::chrono::seconds(90);
constexpr Duration kIdleRemoval = std::chrono::minutes(10);

// What the clouds promise for a spot node: EC2 two minutes, GCE and Azure thirty seconds. Of others
// nothing is known, so nothing is counted on.
Duration usual_notice(const api::Provider& provider) {
  if (provider.str() == "aws") return std::chrono::minutes(2);
  if (provider.str() == "gcp" || provider.str() == "azure") return std::chrono::seconds(30);
  return Duration(0);
}

// Reads the manifests one after the other.
class Reader {
 public:
  Result<Scene> read(const std::vector<Manifest>& manifests) {
    if (manifests.size() > kMaxManifests) {
      return invalid("there are more than " + std::to_string(kMaxManifests) +
                     " objects: simulate fewer at a time");
    }
    for (const Manifest& manifest : manifests)
      TRY_VOID(take(manifest.source, manifest.object));
    if (scene_.pools.empty()) {
      return invalid(
          "there is no CapacityPool among the manifests: add the pools that the workloads may use");
    }
    for (const SceneObject& object : scene_.objects) {
      const std::string ns = object.object["metadata"].value("namespace", "default");
      scene_.namespaces.try_emplace(
          ns, json{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns}}}});
    }
    scene_.namespaces.erase("default");
    for (const auto& [kind, count] : left_out_) {
      scene_.notes.push_back(plural(count, kind + " object") + " left out: of no effect here");
    }
    return std::move(scene_);
  }

 private:
  Result<void> take(const std::string& source, const json& object) {
    if (!object.is_object() || !object.contains("kind") || !object["kind"].is_string()) {
      return invalid(source +
                     ": there is no kind: write a Kubernetes object with apiVersion, kind, "
                     "metadata and spec");
    }
    const std::string kind = object["kind"];
    if (kind == "List" && object.contains("items") && object["items"].is_array()) {
      std::size_t number = 0;
      for (const json& item : object["items"])
        TRY_VOID(take(source + ", item " + std::to_string(++number), item));
      return {};
    }
    if (!object.contains("apiVersion") || !object["apiVersion"].is_string())
      return invalid(source + ": " + kind + " has no apiVersion: write apiVersion: " +
                     std::string(api::kApiVersion) + " for a kind of Spillway");
    const std::string version = object["apiVersion"];
    const bool own_group = version.starts_with(std::string(api::kGroup) + "/");
    if (own_group && version != api::kApiVersion)
      return invalid(source + ": " + kind + " has apiVersion " + version + ": write " +
                     std::string(api::kApiVersion));
    if (own_group) return take_own(source, kind, object);
    if (version == "v1" && kind == "Namespace") return take_namespace(source, object);
    ++left_out_[kind];
    return {};
  }

  Result<void> take_own(const std::string& source, const std::string& kind, const json& given) {
    TRY(who, identify(source, kind, given));
    json object = plain(given);
    if (kind == "CapacityPool") return take_pool(who, std::move(object));
    if (kind == "TrainingJob") return take_workload<api::TrainingJob>(who, std::move(object));
    if (kind == "InferencePool") return take_workload<api::InferencePool>(who, std::move(object));
    ++left_out_[kind];
    return {};
  }

  Result<void> take_namespace(const std::string& source, const json& given) {
    TRY(who, identify(source, "Namespace", given));
    scene_.namespaces[given["metadata"]["name"].get<std::string>()] = plain(given);
    return {};
  }

  Result<void> take_pool(const std::string& who, json object) {
    auto pool = api::read<api::CapacityPool>(object, api::UnknownFields::kRefuse);
    if (!pool) return fail(std::move(pool).error().in(who));
    if (auto sane = api::validate(*pool); !sane) return fail(std::move(sane).error().in(who));
    TRY(provisioning, time_told(who, object, "provisioning"));
    TRY(idle_removal, time_told(who, object, "idle-removal"));
    TRY(notice, time_told(who, object, "notice"));
    const Duration usual = usual_notice(pool->spec.location.provider);
    scene_.pools.push_back({.pool = *std::move(pool),
                            .object = std::move(object),
                            .provisioning = provisioning.value_or(kProvisioning),
                            .idle_removal = idle_removal.value_or(kIdleRemoval),
                            .notice = notice.value_or(usual)});
    return {};
  }

  template <class Kind>
  Result<void> take_workload(const std::string& who, json object) {
    SceneObject one{.who = who,
                    .object = {},
                    .submit = {},
                    .delete_after = {},
                    .deadline_after = {},
                    .job = {}};
    TRY_VOID(check_program(who, object));
    TRY(submit, submission(who, object));
    one.submit = submit;
    TRY(delete_after, time_told(who, object, "delete-after"));
    one.delete_after = delete_after;
    TRY(deadline_after, time_told(who, object, "deadline-after"));
    one.deadline_after = deadline_after;
    auto workload = api::read<Kind>(object, api::UnknownFields::kRefuse);
    if (!workload) return fail(std::move(workload).error().in(who));
    if (auto sane = api::validate(*workload); !sane) return fail(std::move(sane).error().in(who));
    if constexpr (std::is_same_v<Kind, api::TrainingJob>) {
      if (!workload->spec.duration && !told(object, "deadline-after").empty()) {
        return invalid(who + ": deadline-after without spec.duration: write how long it computes");
      }
      if (!workload->spec.duration) note_assumed(who);
      one.job = *std::move(workload);
    } else if (deadline_after) {
      return invalid(who + ": an InferencePool has no deadline: leave out " + std::string(kPrefix) +
                     "deadline-after");
    }
    one.object = std::move(object);
    scene_.objects.push_back(std::move(one));
    return {};
  }

  // What the pods' annotations say of the program.
  static Result<void> check_program(const std::string& who, const json& object) {
    const json annotations =
        object.value("/spec/template/metadata/annotations"_json_pointer, json::object());
    for (const char* what : {"start-seconds", "run-seconds", "stop-seconds", "exit-code"}) {
      const std::string name = std::string(kPrefix) + what;
      const auto found = annotations.find(name);
      if (found == annotations.end()) continue;
      const std::string text = found->is_string() ? found->get<std::string>() : found->dump();
      const bool is_number = !text.empty() && text.size() <= kMostDigits &&
                             text.find_first_not_of("0123456789") == std::string::npos;
      if (is_number && found->is_string()) continue;
      return invalid(who + ": spec.template.metadata.annotations[" + name + "] is " +
                     found->dump(-1, ' ', false, json::error_handler_t::replace) +
                     ": write a whole number in quotes, such as \"600\"");
    }
    return {};
  }

  void note_assumed(const std::string& who) {
    scene_.notes.push_back(who +
                           " states no spec.duration: its program is taken to compute for as long "
                           "as the planner assumes");
  }

  // "jobs.yaml, document 2: TrainingJob team-a/train"; each object once.
  Result<std::string> identify(const std::string& source, const std::string& kind,
                               const json& object) {
    const json metadata = object.value("metadata", json());
    const bool named = metadata.is_object() && metadata.contains("name") &&
                       metadata["name"].is_string() && !metadata["name"].empty();
    if (!named) return invalid(source + ": " + kind + " has no metadata.name: write one");
    std::string name = metadata["name"];
    if (const auto ns = metadata.find("namespace"); ns != metadata.end() && ns->is_string())
      name = ns->get<std::string>() + "/" + name;
    std::string who = source + ": " + kind + " " + name;
    const auto [first, fresh] = seen_.try_emplace(kind + " " + name, source);
    if (fresh) return who;
    return invalid(who + " is there already (" + first->second +
                   "): leave one of them out, or give it another name");
  }

  // As a user would apply it: what a server adds is taken away.
  static json plain(json object) {
    object.erase("status");
    for (const char* key :
         {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"})
      object["metadata"].erase(key);
    return object;
  }

  static std::string told(const json& object, const std::string& what) {
    const json& metadata = object.at("metadata");
    const auto annotations = metadata.find("annotations");
    if (annotations == metadata.end() || !annotations->is_object()) return {};
    const auto found = annotations->find(std::string(kPrefix) + what);
    return found == annotations->end() || !found->is_string() ? std::string()
                                                              : found->get<std::string>();
  }

  static Result<std::optional<Duration>> time_told(const std::string& who, const json& object,
                                                   const std::string& what) {
    const std::string text = told(object, what);
    if (text.empty()) return std::optional<Duration>();
    auto time = parse_duration(text);
    if (!time) {
      return fail(std::move(time).error().in(who + ": metadata.annotations[" +
                                             std::string(kPrefix) + what + "]"));
    }
    return std::optional(*time);
  }

  static Result<When> submission(const std::string& who, const json& object) {
    TRY(after, time_told(who, object, "submit-after"));
    When when{.at = {}, .after = after.value_or(Duration(0))};
    const std::string text = told(object, "submit-at");
    if (text.empty()) return when;
    auto at = parse_instant(text);
    if (!at) {
      return fail(std::move(at).error().in(who + ": metadata.annotations[" + std::string(kPrefix) +
                                           "submit-at]"));
    }
    when.at = *at;
    return when;
  }

  Scene scene_;
  std::map<std::string, std::string> seen_;  // "TrainingJob a/b" -> source
  std::map<std::string, std::int64_t> left_out_;
};

}  // namespace

Result<Scene> read_scene(const std::vector<Manifest>& manifests) {
  return Reader().read(manifests);
}

}  // namespace spillway::sim
