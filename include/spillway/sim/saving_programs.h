#pragma once
// The programs of jobs with checkpoints, and the agents beside them: a gang computes in steps while
// all of its ranks run, saves at its interval and when it is asked to over HTTP
// (api/agent_protocol.h), and begins with what SPILLWAY_RESUME_FROM names. Checkpoints go to the S3
// model in the layout of `storage`, rank by rank, the manifest of a rank last. Replicas that retry
// alone do all of that for themselves, and each begins with the newest complete checkpoint below
// its own prefix.
//
// What it watches over (violations()): a checkpoint that was verified is never gone while it is the
// newest, an attempt never begins with less than what was verified when it was placed, and never on
// top of something that is not complete or that another job wrote. A replica that retries alone
// never begins with less than its predecessor had committed.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <spillway/cloud/http.h>
#include <spillway/sim/kubelets.h>
#include <spillway/sim/object_store_server.h>
#include <spillway/storage/layout.h>

namespace spillway::sim {

struct SavingOptions {
  std::string bucket = "checkpoints";
  Duration save_time = std::chrono::seconds(20);     // from the decision to the first manifest
  Duration between_ranks = std::chrono::seconds(1);  // ranks finish one after the other
  Bytes bytes_per_rank{std::int64_t{20} << 30};
};

// One life of a gang, from the moment all ranks ran.
struct RunRecord {
  std::string job;
  std::int64_t attempt = 0;
  std::int64_t from_step = 0;
  std::int64_t to_step = 0;  // reached so far
  int replica = -1;          // one that retries alone; -1: the gang
  friend bool operator==(const RunRecord&, const RunRecord&) = default;
};

class SavingPrograms final : public Model {
 public:
  // Everything referred to outlives the programs.
  SavingPrograms(VirtualTime& time, ApiServer& server, Kubelets& kubelets, ObjectStoreServer& store,
                 SavingOptions options = {});
  ~SavingPrograms() override;

  // A process's way to the pods.
  std::unique_ptr<cloud::HttpClient> connect();
  // From now on nothing reaches the node, and what runs there goes on, pods or no pods: a
  // partition. Programs on nodes that fall silent otherwise have stopped.
  void cut_off(const std::string& node);
  void power_off(const std::string& node);
  // The way of the pods to the store.
  void set_store_reachable(bool reachable) { store_reachable_ = reachable; }
  // Programs take requests to save, or do not (the port is closed).
  void set_listening(bool listening) { listening_ = listening; }

  [[nodiscard]] const std::vector<RunRecord>& runs() const { return records_; }
  // Times that a rank was asked to save, repeated requests not counted.
  [[nodiscard]] std::int64_t requests() const { return requests_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  class PodClient;
  struct Seat {
    ObjectKey pod;
    std::string uid, node;
  };
  struct Run {
    ObjectKey job;
    std::string uid;  // of the job
    std::int64_t attempt = 0;
    int replica = -1;  // one that retries alone
    std::string pod;   // its uid
    int ranks = 0;
    int writers = 0;
    storage::Key prefix;        // of the job, or of the replica
    storage::Key writes_below;  // of the attempt, or of the pod
    std::map<int, Seat> seats;  // by rank: running
    std::optional<MonotonicTime> since;
    bool over = false;
    std::int64_t first_step = 0;
    std::size_t record = 0;
    Duration step_time{1000};
    std::int64_t total_steps = 0;
    Duration interval{};
    std::uint64_t saves = 0;  // begun
    std::uint64_t saved = 0;  // done
    bool saving = false;
    bool again = false;
    std::int64_t saved_step = -1;
    std::map<std::string, std::uint64_t> asked;  // request id -> the save that answers it
  };
  struct RunKey {
    std::string job;  // its uid
    std::int64_t attempt = 0;
    std::string pod;  // the uid of one that retries alone; of a gang ""
    friend auto operator<=>(const RunKey&, const RunKey&) = default;
  };

  void note(const Change& change);
  void note_job(const Change& change);
  void note_pod(const Change& change);
  void sync(const ObjectKey&) override {}
  void join(const ObjectKey& key, const nlohmann::json& pod);
  void leave(const std::string& pod_uid);
  void begin(Run& run, const nlohmann::json& pod);
  void resume(Run& run, const nlohmann::json& pod);
  [[nodiscard]] std::int64_t newest_below(const storage::Key& prefix) const;
  void check_replica(const Run& run);
  [[nodiscard]] std::int64_t speed_percent(const nlohmann::json& spec,
                                           const nlohmann::json& pod) const;
  void stop(Run& run);
  void finish(const RunKey& key);
  void save_at_interval(const RunKey& key);
  void save(const RunKey& key);
  void write_rank(const RunKey& key, std::uint64_t number, std::int64_t step, int rank);
  [[nodiscard]] std::int64_t step_of(const Run& run) const;
  void check_beginning(const Run& run, const std::string& resume_from);
  // By its own number of writers, which need not be that of who resumes from it.
  [[nodiscard]] bool complete(const storage::Key& folder) const;
  void check_newest_is_there(const std::string& job_uid);
  Result<cloud::HttpResponse> serve(const std::string& address, const cloud::HttpRequest& request);
  [[nodiscard]] bool authorised(const Run& run, const cloud::HttpRequest& request) const;
  void complain(std::string sentence);

  Kubelets& kubelets_;
  ObjectStoreServer& store_;
  SavingOptions options_;
  std::map<RunKey, Run> runs_;
  std::map<std::string, std::pair<RunKey, int>> by_pod_;  // pod uid -> run and rank
  std::map<std::string, std::string> by_address_;         // pod address -> pod uid
  std::set<std::string> cut_off_;                         // nodes
  struct Verified {
    std::int64_t step = -1;
    std::string uri;
  };
  std::map<std::string, Verified> verified_;  // by job uid: the newest
  std::map<RunKey, std::int64_t> verified_when_placed_;
  struct Committed {
    std::string pod;
    std::int64_t step = 0;
  };
  std::map<std::pair<std::string, int>, Committed> committed_;  // by job uid and replica: the last
  std::vector<RunRecord> records_;
  std::vector<std::string> violations_;
  std::int64_t requests_ = 0;
  bool store_reachable_ = true;
  bool listening_ = true;
};

}  // namespace spillway::sim
