#pragma once
// What an object store says of an object, as values.

#include <spillway/core/ids.h>
#include <spillway/core/strong.h>
#include <spillway/core/time.h>

namespace spillway::storage {

using BucketName = StrongString<struct BucketNameTag>;
using Key = StrongString<struct KeyTag>;              // without a leading '/'
using EntityTag = StrongString<struct EntityTagTag>;  // quotes included, as the store wrote it
using Sha256 = StrongString<struct Sha256Tag>;        // 64 lower-case hexadecimal digits
using UploadId = StrongString<struct UploadIdTag>;

struct ObjectInfo {
  Key key;
  Bytes size;
  EntityTag tag;
  Instant modified_at{};  // by our clock, to the second (S3: from its Date); zero: it said none

  friend bool operator==(const ObjectInfo&, const ObjectInfo&) = default;
};

}  // namespace spillway::storage
