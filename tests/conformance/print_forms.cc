// Prints the forms of the script's requests, one a line: the end-to-end tests compare them with
// what the programs asked of a real API server.

#include <cstdio>

#include "script.h"

int main() {
  for (const std::string& form : spillway::conformance::scripted_forms())
    std::puts(form.c_str());
  return 0;
}
