#pragma once
// What the cloud's metadata service says about the end of this machine. The parsers are pure; the
// reader asks the service, which is reached from the machine alone and needs no identity.
//
// Sources: AWS, "Spot Instance interruption notices", "Rebalance recommendations", "View scheduled
// events" (IMDSv2 only); Google, "Preemptible VM instances", "Live migration: maintenance-event";
// Azure, "Scheduled Events for Linux VMs" and "Instance Metadata Service".

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <spillway/async/timers.h>
#include <spillway/cloud/http.h>

namespace spillway::agent {

enum class Cloud { kAws, kGcp, kAzure };
Result<Cloud> parse_cloud(std::string_view text);  // "aws", "gcp", "azure"
// Where each has its metadata service.
Result<cloud::Url> metadata_address(Cloud cloud);

// The graver first.
enum class EndKind { kInterruption, kMaintenance, kRebalance };

struct MachineNotice {
  EndKind kind = EndKind::kInterruption;
  std::optional<Instant> deadline;  // absolute; nullopt: the cloud named none
  std::optional<Duration> within;   // from the first sight, where the cloud's documents say it
  friend bool operator==(const MachineNotice&, const MachineNotice&) = default;
};
// The graver of two, with the earlier deadline where both are of one kind.
std::optional<MachineNotice> graver(std::optional<MachineNotice> a, std::optional<MachineNotice> b);

// {"action": "terminate", "time": "2017-09-18T08:22:00Z"}
Result<std::optional<MachineNotice>> parse_aws_instance_action(std::string_view json);
// {"noticeTime": "2020-10-27T08:22:00Z"}
Result<std::optional<MachineNotice>> parse_aws_rebalance(std::string_view json);
// [{"NotBefore": "21 Jan 2019 09:00:43 GMT", "Code": "system-reboot", "State": "active"}]
Result<std::optional<MachineNotice>> parse_aws_maintenance(std::string_view json);
// "TRUE" or "FALSE"; Google gives 30 seconds.
Result<std::optional<MachineNotice>> parse_gcp_preempted(std::string_view text);
// "NONE", "MIGRATE_ON_HOST_MAINTENANCE", "TERMINATE_ON_HOST_MAINTENANCE" (an hour with GPUs)
Result<std::optional<MachineNotice>> parse_gcp_maintenance(std::string_view text);
// {"Events": [{"EventType": "Preempt", "Resources": ["vm"], "NotBefore": "...", ...}]}; events of
// other machines of the set are left out. An event that has started is due at `now`.
Result<std::optional<MachineNotice>> parse_azure_events(std::string_view json,
                                                        std::string_view machine, Instant now);

class MetadataReader {
 public:
  virtual ~MetadataReader() = default;
  // All that the service says now, as one. nullopt: it says that nothing is coming. An error says
  // nothing either way.
  virtual Task<Result<std::optional<MachineNotice>>> read() = 0;
};
std::unique_ptr<MetadataReader> make_metadata_reader(const Runtime& runtime,
                                                     cloud::HttpClient& http, Cloud cloud,
                                                     cloud::Url address);

}  // namespace spillway::agent
