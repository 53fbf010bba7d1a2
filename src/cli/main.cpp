// The program `omniscale`, which ./omni builds and starts.
#include "cli/cli.h"
#include "experiments/catalogue.h"

int main(int argc, char** argv) { return omni::cli_main(argc, argv, omni::catalogue); }
