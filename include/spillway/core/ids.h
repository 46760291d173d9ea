#pragma once
// The names that several modules share. A type that only one module needs lives there.

#include <spillway/core/strong.h>

namespace spillway {

using PoolName = StrongString<struct PoolNameTag>;  // metadata.name of a CapacityPool
using NodeName = StrongString<struct NodeNameTag>;  // metadata.name of a Node
using Namespace = StrongString<struct NamespaceTag>;
using ObjectName = StrongString<struct ObjectNameTag>;  // metadata.name of any other object
using Uid = StrongString<struct UidTag>;                // metadata.uid
using AcceleratorModel =
    StrongString<struct AcceleratorModelTag>;  // "H100", as pools and workloads agree on it
using ResourceName = StrongString<struct ResourceNameTag>;  // "nvidia.com/gpu"
using InstanceType = StrongString<struct InstanceTypeTag>;  // "p3.2xlarge"
using Region = StrongString<struct RegionTag>;              // "us-east-1"
using Zone = StrongString<struct ZoneTag>;  // "us-east-1a" or the zone id, as the feed names it
using FeedName = StrongString<struct FeedNameTag>;  // a price feed of the operator's configuration

using AcceleratorCount = StrongInt<struct AcceleratorCountTag>;
using MilliCpu = StrongInt<struct MilliCpuTag>;
using Bytes = StrongInt<struct BytesTag>;
using AttemptNumber = StrongInt<struct AttemptNumberTag>;  // from 1; 0 = none yet

// A secret (token, key): no stream operator, no formatter; reveal() is the only and greppable way
// out.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  [[nodiscard]] const std::string& reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
};

}  // namespace spillway
