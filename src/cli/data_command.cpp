// `omni data`: which data sets are where; `omni data get NAME`: have one here from now on.
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text_table.h"
#include "cli/commands.h"
#include "cli/data_table.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/screen.h"
#include "data/catalogue.h"

namespace omni::cli {

std::string data_table(const std::vector<DatasetInfo>& sets) {
  std::vector<std::vector<std::string>> rows = {
      {"name", "state", "train", "test", "size", "where"}};
  for (const DatasetInfo& d : sets)
    rows.push_back({d.name, std::string(to_string(d.state)),
                    quantity(static_cast<double>(d.train_count)),
                    quantity(static_cast<double>(d.test_count)),
                    d.bytes > 0 ? byte_count(static_cast<double>(d.bytes)) : "", d.where});
  std::string text = table(rows, {2, 3, 4}, 2);
  for (const DatasetInfo& d : sets)
    if (!d.problem.empty()) text += fmt::format("\n  {}:\n{}", d.name, wrapped(d.problem, 4));
  return text;
}

int data_command(const Context& context, const DataArguments& arguments) {
  DataOptions options = DataOptions::from_environment(arguments.data_dir);
  const std::vector<std::string>& words = arguments.words;
  if (words.empty()) {
    const std::vector<DatasetInfo> sets = list_datasets(options);
    write_out(data_table(sets));
    bool downloadable = false, damaged = false;
    for (const DatasetInfo& d : sets) {
      downloadable = downloadable || d.state == DatasetState::downloadable;
      damaged = damaged || d.state == DatasetState::damaged;
    }
    say("\nLooked in:\n");
    for (const auto& directory : options.directories) say("  {}\n", directory.string());
    if (downloadable) say("To download one: {} data get NAME\n", context.program);
    return damaged ? 2 : 0;
  }
  require(words[0] == "get", "data: unknown word '{}'; there are `data` and `data get NAME`",
          words[0]);
  require(words.size() >= 2, "data get: which one? There are {}",
          fmt::join(dataset_names(), ", "));
  const Interrupts interrupts;
  for (size_t i = 1; i < words.size(); ++i) {
    Dataset d;
    {
      Progress progress(false, write_err, redraw_on_terminal(), [](const std::string&) {});
      options.download.progress = [&](const DownloadProgress& p) {
        if (interrupts.stop()) throw Cancelled{interrupts.exit_code()};
        progress.downloading(p);
      };
      d = load_dataset(words[i], options);
    }
    say("{}: {}, {} + {} samples, checked\n", d.name, d.source, d.train.count(), d.test.count());
  }
  return 0;
}

}  // namespace omni::cli
