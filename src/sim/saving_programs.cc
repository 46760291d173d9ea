#include <spillway/sim/saving_programs.h>

#include <algorithm>

#include <spillway/api/agent_protocol.h>
#include <spillway/control/keys.h>
#include <spillway/control/world.h>
#include <spillway/storage/checkpoint.h>
#include <spillway/storage/manifest.h>
#include <spillway/storage/s3.h>

#include "builtins.h"

namespace spillway::sim {
namespace {

namespace variable = api::agent::environment;

constexpr Duration kNetwork = std::chrono::milliseconds(1);
constexpr Duration kStoreRetry = std::chrono::seconds(1);

std::string label(const json& object, std::string_view name) {
  return object.at("metadata").value("labels", json::object()).value(std::string(name), "");
}

std::string annotation(const json& pod, const std::string& field_path) {
  const std::size_t begin = field_path.find('\'') + 1;
  const std::string name = field_path.substr(begin, field_path.rfind('\'') - begin);
  return pod.at("metadata").value("annotations", json::object()).value(name, "");
}

// Of any container: the operator gives it to those that need it. As the kubelet fills it in: from
// an annotation, and with other variables where it says "$(NAME)".
std::string variable_of(const json& pod, std::string_view name) {
  for (const char* list : {"initContainers", "containers"}) {
    for (const json& container : pod.at("spec").value(list, json::array())) {
      for (const json& entry : container.value("env", json::array())) {
        if (entry.value("name", "") != name) continue;
        const auto from = entry.value("/valueFrom/fieldRef/fieldPath"_json_pointer, "");
        std::string value = from.empty() ? entry.value("value", "") : annotation(pod, from);
        for (std::size_t at = value.find("$("); at != std::string::npos; at = value.find("$(")) {
          const std::size_t end = value.find(')', at);
          const std::string other = value.substr(at + 2, end - at - 2);
          value.replace(at, end - at + 1, variable_of(pod, other));
        }
        return value;
      }
    }
  }
  return "";
}

int number(const std::string& text, int otherwise) {
  return text.empty() ? otherwise : std::stoi(text);
}

int rank_of(const json& pod) {
  return number(pod.at("metadata")
                    .value("annotations", json::object())
                    .value("batch.kubernetes.io/job-completion-index", ""),
                0);
}

}  // namespace

// ---- the way to the pods

class SavingPrograms::PodClient final : public cloud::HttpClient {
 public:
  explicit PodClient(SavingPrograms& programs) : programs_(programs) {}
  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest request, Duration timeout) override {
    const auto cut = cut_;
    SavingPrograms& programs = programs_;
    VirtualTime& time = programs.time_;
    const MonotonicTime deadline = time.monotonic() + timeout;
    const auto timer = time.make();
    co_await timer->wait_until(time.monotonic() + kNetwork);
    if (*cut) co_return fail(ErrorCode::kCancelled, "the HTTP client is shut down");
    auto answer = programs.serve(request.url.host, request);
    const bool silent = !answer && answer.error().code == ErrorCode::kTimeout;
    co_await timer->wait_until(silent ? deadline : time.monotonic() + kNetwork);
    if (*cut) co_return fail(ErrorCode::kCancelled, "the request was cancelled");
    co_return answer;
  }
  void shut_down() override { *cut_ = true; }

 private:
  SavingPrograms& programs_;
  std::shared_ptr<bool> cut_ = std::make_shared<bool>(false);
};

std::unique_ptr<cloud::HttpClient> SavingPrograms::connect() {
  return std::make_unique<PodClient>(*this);
}

bool SavingPrograms::authorised(const Run& run, const cloud::HttpRequest& request) const {
  const Object secret = server_.find(
      kube::kSecrets, {.ns = run.job.ns, .name = ObjectName("spillway-token-" + run.uid)});
  const auto header = cloud::find_header(request.headers, "Authorization");
  return secret && header && header->starts_with("Bearer ") &&
         secret->value("/data/token"_json_pointer, "") == base64(header->substr(7));
}

Result<cloud::HttpResponse> SavingPrograms::serve(const std::string& address,
                                                  const cloud::HttpRequest& request) {
  const auto pod = by_address_.find(address);
  if (pod == by_address_.end()) return fail(ErrorCode::kUnavailable, "no route to host");
  const auto& [key, rank] = by_pod_.at(pod->second);
  Run& run = runs_.at(key);
  if (cut_off_.contains(run.seats.at(rank).node) || !kubelets_.runs(run.seats.at(rank).node))
    return fail(ErrorCode::kTimeout, "nothing came before the deadline");
  if (!listening_) return fail(ErrorCode::kUnavailable, "connection refused");
  if (!authorised(run, request)) return cloud::HttpResponse{.status = 401};
  std::string id;
  if (request.method == "POST") {
    const json body = json::parse(request.payload(), nullptr, false);
    if (!body.is_object()) return cloud::HttpResponse{.status = 400};
    if (body.value("attempt", std::int64_t{0}) != run.attempt)
      return cloud::HttpResponse{.status = 409};
    id = body.value("id", "");
    if (!run.asked.contains(id)) {
      run.asked[id] = run.saves + 1;
      ++requests_;
      save(key);
    }
  } else if (!run.asked.empty()) {
    id = run.asked.rbegin()->first;
  }
  json status = {{"attempt", run.attempt}, {"rank", rank}};
  if (const auto asked = run.asked.find(id); asked != run.asked.end())
    status["request"] = {
        {"id", id}, {"state", asked->second <= run.saved ? "Saved" : "Saving"}, {"message", ""}};
  if (run.saved_step >= 0)
    status["saved"] = {{"step", run.saved_step},
                       {"bytes", options_.bytes_per_rank.value()},
                       {"savedAt", stamp()},
                       {"saveSeconds", 1.0},
                       {"uploadSeconds", 1.0}};
  return cloud::HttpResponse{.status = request.method == "POST" ? 202 : 200, .body = status.dump()};
}

// ---- what the API server says

SavingPrograms::SavingPrograms(VirtualTime& time, ApiServer& server, Kubelets& kubelets,
                               ObjectStoreServer& store, SavingOptions options)
    : Model(time, server, "programs", Duration(0)),
      kubelets_(kubelets),
      store_(store),
      options_(std::move(options)) {
  server.listen([this](const Change& change) { note(change); });
}
SavingPrograms::~SavingPrograms() = default;

void SavingPrograms::complain(std::string sentence) {
  if (std::ranges::find(violations_, sentence) == violations_.end())
    violations_.push_back(std::move(sentence));
}

void SavingPrograms::note(const Change& change) {
  if (change.type == control::kTrainingJobs) note_job(change);
  if (change.type == kube::kPods) note_pod(change);
  const std::string& name = change.key.name.str();
  const bool node_gone = change.type == kube::kNodes && change.kind == ChangeKind::kDeleted;
  if (node_gone && !cut_off_.contains(name)) power_off(name);
}

void SavingPrograms::note_job(const Change& change) {
  const json& job = *change.object;
  const std::string uid = job.at("metadata").at("uid");
  const json checkpoint = job.value("/status/checkpoint"_json_pointer, json::object());
  if (change.kind == ChangeKind::kDeleted) return static_cast<void>(verified_.erase(uid));
  if (checkpoint.contains("verifiedAt")) {
    Verified& newest = verified_[uid];
    newest.step = checkpoint.value("step", std::int64_t{-1});
    newest.uri = checkpoint.value("uri", "");
  }
  const auto attempt = job.value("/status/placement/attempt"_json_pointer, std::int64_t{0});
  if (attempt > 0) verified_when_placed_.try_emplace(RunKey{uid, attempt}, verified_[uid].step);
  check_newest_is_there(uid);
}

void SavingPrograms::check_newest_is_there(const std::string& job_uid) {
  const Verified& newest = verified_[job_uid];
  const auto uri = storage::parse_s3_uri(newest.uri);
  if (newest.step < 0 || !uri) return;
  const auto& objects = store_.objects(options_.bucket);
  const auto first = objects.lower_bound(uri->key.str());
  if (first == objects.end() || !first->first.starts_with(uri->key.str()))
    complain("the newest verified checkpoint is gone: " + newest.uri);
}

void SavingPrograms::note_pod(const Change& change) {
  const json& pod = *change.object;
  if (label(pod, control::label::kTrainingJob).empty()) return;
  const std::string uid = pod.at("metadata").at("uid");
  const bool runs = change.kind != ChangeKind::kDeleted && !is_deleting(pod) &&
                    pod.value("/status/phase"_json_pointer, "") == "Running";
  const bool there = by_pod_.contains(uid);
  if (runs && !there) join(change.key, pod);
  const std::string node = pod.value("/spec/nodeName"_json_pointer, "");
  if (!runs && there && !cut_off_.contains(node)) leave(uid);
}

void SavingPrograms::join(const ObjectKey& key, const json& pod) {
  const auto uri = storage::parse_s3_uri(variable_of(pod, variable::kCheckpointUri));
  if (!uri) return;  // of a job without checkpoints
  const std::string uid = pod.at("metadata").at("uid");
  const auto retry = storage::parse_retry(variable_of(pod, variable::kRetry));
  const RunKey of{variable_of(pod, variable::kJobUid),
                  number(variable_of(pod, variable::kAttempt), 0), retry ? uid : ""};
  Run& run = runs_[of];
  if (run.over) return;
  run.job = {.ns = key.ns, .name = ObjectName(label(pod, control::label::kTrainingJob))};
  run.uid = of.job;
  run.attempt = of.attempt;
  run.pod = of.pod;
  if (retry) run.replica = rank_of(pod);
  run.prefix = uri->key;
  run.writes_below = storage::attempt_prefix(run.prefix, AttemptNumber(run.attempt));
  if (retry) run.writes_below = storage::retry_prefix(run.writes_below, *retry);
  run.ranks = number(variable_of(pod, variable::kWorldSize), 1);
  run.writers = number(variable_of(pod, variable::kCheckpointWriters), run.ranks);
  const int rank = retry ? 0 : rank_of(pod);
  run.seats[rank] = {.pod = key, .uid = uid, .node = pod.value("/spec/nodeName"_json_pointer, "")};
  by_pod_[uid] = {of, rank};
  by_address_[pod.value("/status/podIP"_json_pointer, "")] = uid;
  if (static_cast<int>(run.seats.size()) == run.ranks && !run.since) resume(run, pod);
}

// A gang is told what to begin with; who retries alone asks the store until it answers.
void SavingPrograms::resume(Run& run, const json& pod) {
  run.first_step = number(variable_of(pod, variable::kResumeStep), 0);
  if (run.replica < 0) return begin(run, pod);
  if (store_reachable_) {
    run.first_step = newest_below(run.prefix);
    check_replica(run);
    return begin(run, pod);
  }
  const RunKey key{run.uid, run.attempt, run.pod};
  time_.after(kStoreRetry, [this, key, pod] {
    Run& waiting = runs_.at(key);
    if (!waiting.over) resume(waiting, pod);
  });
}

std::int64_t SavingPrograms::newest_below(const storage::Key& prefix) const {
  std::vector<storage::ObjectInfo> listing;
  const auto& objects = store_.objects(options_.bucket);
  for (auto at = objects.lower_bound(prefix.str());
       at != objects.end() && at->first.starts_with(prefix.str()); ++at)
    listing.push_back({.key = storage::Key(at->first)});
  for (const storage::Candidate& candidate : storage::find_candidates(prefix, listing)) {
    if (complete(candidate.folder)) return candidate.step.value();
  }
  return 0;
}

void SavingPrograms::check_replica(const Run& run) {
  Committed& last = committed_[{run.uid, run.replica}];
  if (run.first_step < last.step)
    complain(run.job.to_string() + ", replica " + std::to_string(run.replica) +
             " began with step " + std::to_string(run.first_step) + " although step " +
             std::to_string(last.step) + " was committed");
  last = {.pod = run.pod, .step = run.first_step};
}

void SavingPrograms::leave(const std::string& pod_uid) {
  const auto [of, rank] = by_pod_.at(pod_uid);
  Run& run = runs_.at(of);
  stop(run);
  run.seats.erase(rank);
  by_pod_.erase(pod_uid);
  std::erase_if(by_address_, [&](const auto& entry) { return entry.second == pod_uid; });
}

void SavingPrograms::cut_off(const std::string& node) {
  cut_off_.insert(node);
}
void SavingPrograms::power_off(const std::string& node) {
  cut_off_.erase(node);
  std::vector<std::string> ended;
  for (const auto& [key, run] : runs_) {
    for (const auto& [rank, seat] : run.seats) {
      if (seat.node == node) ended.push_back(seat.uid);
    }
  }
  for (const std::string& uid : ended)
    leave(uid);
}

// ---- computing

// Of the pool's accelerator, as the job says it.
std::int64_t SavingPrograms::speed_percent(const json& spec, const json& pod) const {
  const Object pool = server_.find(
      control::kCapacityPools, {.ns = {}, .name = ObjectName(label(pod, control::label::kPool))});
  if (!pool) return 100;
  const std::string model = pool->value("/spec/accelerator/model"_json_pointer, "");
  for (const json& choice : spec.value("/accelerator/models"_json_pointer, json::array())) {
    if (choice.value("name", "") == model)
      return std::max<std::int64_t>(choice.value("speedPercent", std::int64_t{100}), 1);
  }
  return 100;
}

void SavingPrograms::begin(Run& run, const json& pod) {
  const Object job = server_.find(control::kTrainingJobs, run.job);
  if (!job || job->at("metadata").at("uid") != run.uid) return;
  const json& spec = job->at("spec");
  run.total_steps = spec.value("totalSteps", std::int64_t{3600});
  const auto work = parse_duration(spec.value("duration", "1h"));
  const Duration all = work.value_or(std::chrono::hours(1)) * 100 / speed_percent(spec, pod);
  run.step_time = std::max(Duration(1), all / run.total_steps);
  const auto interval = parse_duration(spec.value("/checkpoint/interval"_json_pointer, "30m"));
  run.interval = interval.value_or(std::chrono::minutes(30));
  check_beginning(run, variable_of(pod, variable::kResumeFrom));
  store_.put(options_.bucket, run.writes_below.str() + "ATTEMPT", "");
  run.since = time_.monotonic();
  run.record = records_.size();
  records_.push_back({.job = run.job.name.str(),
                      .attempt = run.attempt,
                      .from_step = run.first_step,
                      .to_step = run.first_step,
                      .replica = run.replica});
  const RunKey key{run.uid, run.attempt, run.pod};
  time_.after(run.step_time * (run.total_steps - run.first_step), [this, key] { finish(key); });
  time_.after(run.interval, [this, key] { save_at_interval(key); });
}

void SavingPrograms::check_beginning(const Run& run, const std::string& resume_from) {
  const std::string who = run.job.to_string() + ", attempt " + std::to_string(run.attempt);
  if (!resume_from.empty()) {
    const auto uri = storage::parse_s3_uri(resume_from);
    if (!uri || !complete(uri->key))
      complain(who + " resumed from what is not complete: " + resume_from);
    if (uri && uri->key.str().find("/" + run.uid + "/") == std::string::npos)
      complain(who + " resumed from what another job wrote: " + resume_from);
  }
  const std::int64_t verified = verified_when_placed_[RunKey{run.uid, run.attempt}];
  if (run.first_step < verified)
    complain(who + " began with step " + std::to_string(run.first_step) + " although step " +
             std::to_string(verified) + " was verified");
}

std::int64_t SavingPrograms::step_of(const Run& run) const {
  if (!run.since) return run.first_step;
  return std::min(run.total_steps,
                  run.first_step + (time_.monotonic() - *run.since) / run.step_time);
}

// A rank is gone: the others wait for it in vain.
void SavingPrograms::stop(Run& run) {
  if (run.since) records_[run.record].to_step = step_of(run);
  run.since.reset();
  run.over = true;
}

void SavingPrograms::finish(const RunKey& key) {
  Run& run = runs_.at(key);
  if (!run.since) return;
  const std::map<int, Seat> seats = run.seats;
  stop(run);
  for (const auto& [rank, seat] : seats)
    kubelets_.end_program(seat.pod, 0);
}

// ---- saving

void SavingPrograms::save_at_interval(const RunKey& key) {
  const Run& run = runs_.at(key);
  if (!run.since) return;
  if (!run.saving) save(key);
  time_.after(run.interval, [this, key] { save_at_interval(key); });
}

void SavingPrograms::save(const RunKey& key) {
  Run& run = runs_.at(key);
  if (!run.since) return;
  if (std::exchange(run.saving, true)) {
    run.again = true;
    return;
  }
  const std::uint64_t save_number = ++run.saves;
  const std::int64_t step = step_of(run);
  time_.after(options_.save_time,
              [this, key, save_number, step] { write_rank(key, save_number, step, 0); });
}

// The files of a rank, then its manifest; then the next rank. What ends in between leaves a half
// checkpoint behind.
void SavingPrograms::write_rank(const RunKey& key, std::uint64_t save_number, std::int64_t step,
                                int rank) {
  Run& run = runs_.at(key);
  if (!run.since) return;
  if (!store_reachable_) {
    time_.after(kStoreRetry,
                [this, key, save_number, step, rank] { write_rank(key, save_number, step, rank); });
    return;
  }
  const storage::Rank who{.index = rank, .world_size = run.writers};
  const std::string folder =
      storage::step_prefix(run.writes_below, storage::TrainingStep(step)).str();
  const std::string part = storage::rank_folder(who) + "model.bin";
  store_.put_sized(options_.bucket, folder + part, options_.bytes_per_rank);
  const storage::Manifest manifest{.job = run.job,
                                   .uid = Uid(run.uid),
                                   .attempt = AttemptNumber(run.attempt),
                                   .step = storage::TrainingStep(step),
                                   .rank = who,
                                   .saved_at = time_.now(),
                                   .parts = {{.key = storage::Key(part),
                                              .size = options_.bytes_per_rank,
                                              .chunk_size = options_.bytes_per_rank,
                                              .chunks = {storage::Sha256(std::string(64, '0'))}}}};
  store_.put(options_.bucket, folder + storage::manifest_name(who),
             storage::write_manifest(manifest));
  if (rank + 1 < run.writers) {
    time_.after(options_.between_ranks, [this, key, save_number, step, rank] {
      write_rank(key, save_number, step, rank + 1);
    });
    return;
  }
  run.saving = false;
  run.saved = save_number;
  run.saved_step = step;
  const auto last = committed_.find({run.uid, run.replica});
  if (last != committed_.end() && last->second.pod == run.pod) last->second.step = step;
  if (std::exchange(run.again, false)) save(key);
}

bool SavingPrograms::complete(const storage::Key& folder) const {
  const auto& objects = store_.objects(options_.bucket);
  std::set<int> ranks;
  int writers = 0;
  for (auto at = objects.lower_bound(folder.str());
       at != objects.end() && at->first.starts_with(folder.str()); ++at) {
    const auto rank =
        storage::parse_manifest_name(std::string_view(at->first).substr(folder.str().size()));
    if (!rank || !objects.contains(folder.str() + storage::rank_folder(*rank) + "model.bin"))
      continue;
    ranks.insert(rank->index);
    writers = std::max(writers, rank->world_size);
  }
  return writers > 0 && static_cast<int>(ranks.size()) == writers;
}

}  // namespace spillway::sim
