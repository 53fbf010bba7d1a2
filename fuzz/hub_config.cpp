// Shapes of models as on the Hugging Face hub: config.json.
#include "weights/hub_config.h"

#include "base/error.h"
#include "fuzz/target.h"
#include "store/files.h"

namespace omni::fuzz {

// The JSON, and a text for each layer of GPT-Neo's, which few letters can ask for.
const MemoryBound kMemory{4 << 20, 200};

void read(std::string_view input) {
  const HubModel model = read_hub_config(file_with(input));
  check(model.options.width % model.options.heads == 0, "{} heads in a width of {}",
        model.options.heads, model.options.width);
  const auto first = scratch_path("first"), second = scratch_path("second");
  write_hub_config(first, model);
  write_hub_config(second, read_hub_config(first));
  check(read_file(first) == read_file(second), "what was written reads back as another model");
}

}  // namespace omni::fuzz
