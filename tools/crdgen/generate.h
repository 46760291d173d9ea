#pragma once
// Everything that crdgen writes, as values: the test compares them with what is checked in.

#include <map>
#include <string>

namespace spillway::crdgen {

using Files = std::map<std::string, std::string>;  // name -> text

Files crd_files();        // crds/
Files reference_files();  // docs/reference/

}  // namespace spillway::crdgen
