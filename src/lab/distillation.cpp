#include "lab/distillation.h"

#include "nn/losses.h"
#include "ops/route.h"

namespace omni {

StepBuilder distillation(Distillation d) {
  return [d = std::move(d)](Step& s) {
    Net teacher = s.net("teacher"), student = s.net("model");
    const Value x = d.inputs(s);
    const auto& teach = d.teacher_logits ? d.teacher_logits : d.logits;
    const Value wanted = stop_gradient(teach(teacher, x));
    const Value loss = kl(wanted, d.logits(student, x), d.temperature);
    s.graph().result("loss", loss);
    apply(d.optimizer, student, loss, s.lr(), d.apply);
  };
}

}  // namespace omni
