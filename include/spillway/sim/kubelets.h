#pragma once
// The kubelets of all nodes. What a pod does follows from its annotations, the same that the
// end-to-end tests' nodes read:
//
//   simulate.spillway.dev/start-seconds   image pull and start (default 2)
//   simulate.spillway.dev/run-seconds     the program ends so long after its start (default: never)
//   simulate.spillway.dev/exit-code       ... with this code (default 0)
//   simulate.spillway.dev/stop-seconds    after SIGTERM it takes so long to end, at most the grace
//   period (default 1)
//
// A kubelet that was silenced does nothing, and goes on where things are when it comes back.

#include <spillway/sim/model.h>

namespace spillway::sim {

class Kubelets final : public Model {
 public:
  Kubelets(VirtualTime& time, ApiServer& server);
  void silence(const std::string& node);
  void bring_back(const std::string& node);
  [[nodiscard]] bool runs(const std::string& node) const { return !silent_.contains(node); }
  // The program of a running pod ends now.
  void end_program(const ObjectKey& pod, int exit_code);

 private:
  void note(const Change& change);
  void forget(const std::string& uid);  // what was planned for a pod
  void sync(const ObjectKey& key) override;
  void start(const ObjectKey& key, const nlohmann::json& pod);
  void stop(const ObjectKey& key, const nlohmann::json& pod);
  void report_end(const ObjectKey& key, int exit_code);
  // `act` at `when` if the pod is the same then and its kubelet works.
  void plan(const ObjectKey& key, const nlohmann::json& pod, Instant when,
            std::function<void(const nlohmann::json&)> act);

  std::uint32_t addresses_ = 0;  // given to pods so far
  std::set<std::string> silent_;
  std::set<std::pair<std::string, std::string>> planned_;  // uid and step: each is planned once
};

}  // namespace spillway::sim
