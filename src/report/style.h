// The look of a report: one column of text, wide tables and figures, light and dark.
#pragma once

namespace omni {

inline constexpr const char* kReportStyle = R"css(
:root{color-scheme:light dark;
--paper:#fff;--ink:#1c1c1e;--soft:#62626a;--line:#dcdce0;--wash:#f5f5f7;--accent:#0060a8;
--yes:#0a6b3d;--yes-wash:#dcf3e6;--no:#a32a12;--no-wash:#fde4dd;--open:#7a5300;--open-wash:#fdf0cf;
--none:#55555c;--none-wash:#ececef;--grid:#d4d4d4;--axis:#8c8c8c}
@media(prefers-color-scheme:dark){:root{
--paper:#17181a;--ink:#e8e8ea;--soft:#a3a3ab;--line:#36373c;--wash:#202124;--accent:#6cb4ee;
--yes:#7fdcaa;--yes-wash:#123524;--no:#ff9c85;--no-wash:#43190f;--open:#f2c55c;--open-wash:#3d2f0a;
--none:#b5b5bc;--none-wash:#2c2d31;--grid:#3a3b40;--axis:#77787e}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,serif}
main{max-width:60rem;margin:0 auto;padding:3rem 1.5rem 4rem}
h1,h2,h3,th,.tag,.chip,.banner,figcaption,footer,.note,details,.key{
font-family:system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
h1{font-size:2.1rem;line-height:1.15;margin:.35rem 0 .6rem;letter-spacing:-.015em;
overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.8rem 0 .8rem;padding-top:.7rem;border-top:1px solid var(--line)}
h3{font-size:.95rem;margin:1.5rem 0 .2rem}
p{margin:.5rem 0;max-width:44rem;overflow-wrap:anywhere}
.tag{color:var(--soft);font-size:.82rem;letter-spacing:.02em;margin:0}
.question{font-size:1.2rem;line-height:1.45;color:var(--soft);max-width:44rem}
.question p{margin:.3rem 0}
.answer{background:var(--wash);border-left:4px solid var(--accent);padding:.9rem 1.2rem;
margin:1.6rem 0;border-radius:0 6px 6px 0}
.answer p{margin:.35rem 0}
.banner{border-radius:6px;padding:.75rem 1.1rem;margin:1rem 0;font-size:.95rem;
background:var(--open-wash);color:var(--open);border:1px solid currentColor}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem;line-height:1.4}
th{font-weight:600;font-size:.76rem;color:var(--soft);text-align:left;vertical-align:bottom;
border-bottom:1.5px solid var(--ink);padding:.4rem .6rem}
td{border-bottom:1px solid var(--line);padding:.55rem .6rem;vertical-align:top;
overflow-wrap:anywhere}
td.number,th.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td.number,td.key{font-family:system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;
font-size:.86rem}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
td.claim{min-width:16rem}td.number .note{white-space:normal;overflow-wrap:normal}
.note{color:var(--soft);font-size:.8rem;margin:.25rem 0 0}
.mark{font:600 .68rem/1.3 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;
text-transform:uppercase;letter-spacing:.06em;color:var(--accent)}
.chip{display:inline-block;border-radius:1em;padding:.12em .75em;font-size:.78rem;font-weight:600;
white-space:nowrap}
.supported{color:var(--yes);background:var(--yes-wash)}
.refuted{color:var(--no);background:var(--no-wash)}
.undecided{color:var(--open);background:var(--open-wash)}
.not-judged,.estimate{color:var(--none);background:var(--none-wash)}
.ruler{display:block;width:130px;height:22px;margin:.2rem 0 0 auto}
.ruler .wanted{fill:var(--yes-wash)}.ruler .edge{stroke:var(--axis);stroke-width:1;
stroke-dasharray:2 2}
.ruler .span{stroke:var(--ink);stroke-width:2}.ruler .mean{fill:var(--ink)}
.ruler .base{stroke:var(--line)}
figure{margin:1.6rem 0 2.2rem}
figure svg{display:block;width:100%;height:auto;max-width:820px;margin:0 auto}
figure svg :is([fill=black],[fill="rgb(0,0,0)"]){fill:var(--ink)}
figure svg :is([color=black],[color="rgb(  0,   0,   0)"]){color:var(--ink)}
figure svg :is([stroke=black],[stroke="rgb(  0,   0,   0)"]){stroke:var(--ink)}
figure svg [color="rgb( 64,  64,  64)"]{color:var(--soft)}
figure svg [stroke="rgb(212, 212, 212)"]{stroke:var(--grid)}
figure svg [stroke="rgb(140, 140, 140)"]{stroke:var(--axis)}
figcaption{font-size:.86rem;line-height:1.5;color:var(--soft);max-width:44rem;margin:.4rem auto 0}
figcaption strong{color:var(--ink)}
a{color:var(--accent)}
details{margin:.8rem 0;font-size:.86rem}
summary{cursor:pointer;font-weight:600}
pre{background:var(--wash);padding:.9rem 1.1rem;border-radius:6px;overflow-x:auto;
font-size:.8rem;line-height:1.45}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:.8rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
code{font-size:.92em;overflow-wrap:anywhere}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);
font-size:.8rem}
@media print{main{max-width:none;padding:0}details{display:none}figure,tr{break-inside:avoid}}
)css";

}  // namespace omni
