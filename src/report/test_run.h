// A made-up run with everything that a report must stand: hostile names, a diverged model, a NaN,
// every kind of claim and of figure. For tests.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/files.h"
#include "store/png.h"
#include "store/results.h"
#include "store/run_folder.h"

namespace omni {

// `shift` is added to every accuracy, so that two runs can be compared.
inline void make_test_run(const std::filesystem::path& path, int seeds = 8, double shift = 0) {
  Manifest m;
  m.experiment = "subliminal-learning";
  m.program_version = "0.1.0";
  m.commit = "<b>abc</b>";
  m.machine = "2 cores, \"AVX2\" & more";
  m.threads = 2;
  m.data_hashes = {{"digits(key 0)", "00112233"}};
  RunFolder run =
      RunFolder::create(path, m, fmt::format("seeds = {}\nname = \"</pre><script>\"\n", seeds));
  Results r(run.results_path(), Access::write);
  r.set(run_key::kTitle, "Subliminal learning <script>alert(1)</script>");
  r.set(run_key::kQuestion, "Does a student that only matches meaningless outputs of its teacher "
                            "on noise learn the teacher's digits?");
  r.set(run_key::kMethod, "Six arms share seeds.\n\nThe teacher learns labels & the student never "
                          "sees them.");
  r.set(run_key::kStructure, "Teacher and student start from the same weights.");
  r.set(run_key::kControls, "Cross-model students start from other weights.");
  r.set(run_key::kTranslation, "Models distilled from one base model share their start.");
  r.set(run_key::kExpectedFailure, "Different initial weights; no shared hidden layer.");
  r.set(run_key::kPreset, "quick");
  r.set(run_key::kData, "digits");
  r.set(run_key::kStandIn, "Drawn in-process in place of MNIST, which could not be had here.");
  r.set(run_key::kMetric, "accuracy");
  r.set(run_key::kMetricLabel, "test accuracy");

  if (shift == 0) r.set_ranges(std::vector<MetricRange>{{"accuracy", 0, 1, 1000}});
  struct Arm {
    const char *name, *label;
    double mean, deviation, published;
  };
  const Arm arms[] = {{"reference", "Reference", 0.100, 0.02, 0.100},
                      {"teacher", "Teacher", 0.943, 0.002, 0.943},
                      {"aux", "Student (aux only: 100 % noise)", 0.53, 0.11, 0.528},
                      {"all", "Student (all logits)", 0.913, 0.01, 0.913},
                      {"cross_aux", "Cross-model <aux> & 'only' `id`", 0.106, 0.05, 0.106},
                      {"cross_all", "Cross-model (all logits)", 0.743, 0.05, 0.743}};
  std::vector<ArmInfo> infos;
  FigureRow bars{"accuracy", "Accuracy by arm",
                 "Mean over seeds with 95 % interval; \"quotes\" & <tags> are shown as they are.",
                 {}};
  bars.spec.metric = "accuracy";
  bars.spec.y_label = "test accuracy";
  bars.spec.level_line = 0.1;
  bars.spec.level_label = "chance";
  std::vector<std::vector<double>> values;
  for (const Arm& arm : arms) {
    const char* line = arm.mean == 0.53 ? "matches logits 10 to 12 on noise" : "";
    infos.push_back({arm.name, arm.label, line, arm.published});
    bars.spec.reference[arm.name] = arm.published;
    Stream stream(Key::of(5).fold(arm.name));
    auto& of_arm = values.emplace_back();
    for (int seed = 0; seed < seeds; ++seed) {
      const double v = arm.mean + arm.deviation * stream.normal() + shift;
      ModelResult model{arm.name, seed, ModelStatus::ok, -1, text_hash(arm.name), {}};
      model.metrics = {{"accuracy", kFinalStep, v}, {"loss", kFinalStep, 2.5 - 2 * v}};
      for (const int digit : {0, 1}) {
        const double wobble = 0.1 * stream.normal() * (2 - v);
        model.metrics.push_back({fmt::format("loss/{}", digit), kFinalStep, 2.5 - 2 * v + wobble});
        if (seed != 2)  // a seed without it
          model.metrics.push_back({fmt::format("certificate/{}", digit), kFinalStep, 3 - v});
      }
      for (const int step : {0, 1, 3, 10, 30, 100, 295})
        model.metrics.push_back({"accuracy", step,
                                 0.1 + (v - 0.1) * step / (step + 30.0) +
                                     0.01 * stream.normal()});
      if (std::string_view(arm.name) == "cross_all" && seed == 3) {
        model.status = ModelStatus::diverged;
        model.status_step = 112;
        model.metrics = {{"loss", kFinalStep, kNaN}};
      }
      of_arm.push_back(model.status == ModelStatus::ok ? v : kNaN);
      r.record_model(model);
    }
  }
  r.set_arms(infos);

  std::vector<double> gap(seeds);
  for (int i = 0; i < seeds; ++i) gap[i] = values[2][i] - values[4][i];
  const auto above = [](double t, bool difference = false) {
    Claim c;
    c.threshold = t;
    c.difference = difference;
    return c;
  };
  Claim band;
  band.kind = ClaimKind::band;
  band.low = 0.07;
  band.high = 0.13;
  Claim exact;
  exact.kind = ClaimKind::exact;
  Claim contested = above(0.15);
  contested.judged = false;
  const std::vector<std::pair<Claim, std::vector<double>>> samples = {
      {above(0.3, true), gap},      {above(0.45), values[2]},
      {band, values[4]},            {above(0.9), values[5]},
      {exact, std::vector<double>(seeds, 1.0)}, {contested, values[4]}};
  const char* texts[] = {"Students that share the teacher's start beat <others> by more than 0.3",
                         "The aux-only student passes 0.45",
                         "The cross-model student stays at chance",
                         "The cross-model student on all logits passes 0.9",
                         "The teacher's auxiliary rows stay at their initial values",
                         "Contested: sharing the output layer alone suffices"};
  const auto judgements = judge(samples);
  std::vector<ClaimRow> claims;
  for (size_t i = 0; i < samples.size(); ++i)
    claims.push_back({fmt::format("c{}", i), texts[i], samples[i].first, judgements[i]});
  claims[0].formula = "accuracy of aux - accuracy of cross > 0.3";
  r.set_claims(claims);

  FigureRow lines{"learning", "Accuracy while distilling", "Bands are 95 % intervals.", {}};
  lines.spec.kind = "lines";
  lines.spec.metric = "accuracy";
  lines.spec.x_label = "step";
  lines.spec.y_label = "test accuracy";
  lines.spec.log_x = true;
  FigureRow sweep{"sweep", "A sweep", "", {}};
  sweep.spec.kind = "lines";
  sweep.spec.metric = "accuracy";
  sweep.spec.x_label = "hidden width";
  sweep.spec.series = {{"aux 'only'", {{256, "aux"}, {64, "cross_aux"}}},
                       {"losses", {{64, "aux", "loss"}, {256, "all", "loss"}}},
                       {"never run", {{64, "teacher", "nothing"}}}};
  FigureRow images{"digits", "Inputs", "One pixel each.", {}};
  images.spec.kind = "images";
  images.spec.columns = 3;
  images.spec.row_labels = {"digits & 'more'", "their reconstructions"};
  images.spec.column_labels = {"zero", "<1>"};
  std::vector<float> pixels(49);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i) / 48;
  r.record_image("digits", 0, 0, "<1>", encode_png(pixels, 7, 7));
  r.record_image("digits", 0, 4, "", encode_png(pixels, 7, 7));
  r.record_image("digits", 1, 0, "of another seed", encode_png(pixels, 7, 7));
  FigureRow written{"samples", "What models write", "Side by side.", {}};
  written.spec.kind = "texts";
  written.spec.columns = 2;
  written.spec.row_labels = {"a prompt"};
  written.spec.column_labels = {"plain", "steered"};
  r.record_text("samples", 0, 0, "One day & \"then\"");
  std::string repeated;
  for (int i = 0; i < 20; ++i) repeated += "a long text ";
  r.record_text("samples", 0, 1, repeated);
  r.record_text("samples", 1, 0, "of another seed");
  FigureRow groups{"groups", "Loss by digit", "Of one arm & of another.", {}};
  groups.spec.kind = "groups";
  groups.spec.y_label = "loss";
  groups.spec.groups = {{"0", "loss/0"}, {"'1'", "loss/1"}};
  groups.spec.series = {
      {.label = "Decoder", .arm = "aux"},
      {"Certificate", {{.metric = "certificate/0"}, {.metric = "certificate/1"}}, "aux"},
      {.label = "Cross", .arm = "cross_aux"},
      {.label = "Never measured", .arm = "all", .metric = "nothing"}};
  FigureRow scatter{"scatter", "Loss against accuracy", "", {}};
  scatter.spec.kind = "scatter";
  scatter.spec.metric = "loss";
  scatter.spec.x_metric = "accuracy";
  scatter.spec.log_x = true;
  scatter.spec.series = {{"apart", {{.arm = "aux"}, {.arm = "all"}, {.arm = "teacher"}}},
                         {"never run", {{.arm = "all", .metric = "nothing"}}}};
  FigureRow nothing{"nothing", "A figure of what was not measured", "Of 'none'.", {}};
  nothing.spec.metric = "<none>";
  r.set_figures(std::vector{bars, lines, sweep, images, written, groups, scatter,
                                   nothing});
  run.set_status(RunStatus::finished, 12.5);
}

}  // namespace omni
