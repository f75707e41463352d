// How pages look: the system's fonts, light and dark, from a phone to a wide screen.

enum PageStyle {
  /// Colours by their names; the picture of a loss curve has the same ones.
  static let light = """
    --page:#f6f6f3;--card:#fff;--ink:#1d1d1b;--quiet:#62625c;--line:#e4e3dd;--fill:#efeee9;\
    --good:#23733a;--warn:#a34b00;--bad:#b3261e;--live:#1f62c4;\
    --c0:#1f62c4;--c1:#c2410c;--c2:#23733a;--c3:#86329a;--c4:#0f766e;--c5:#a16207;--c6:#be185d;--c7:#52525b;\
    --dot:#d9480f;
    """
  static let dark = """
    --page:#121315;--card:#1a1c1f;--ink:#e9e8e4;--quiet:#a09f98;--line:#2c2f34;--fill:#24272b;\
    --good:#6cc884;--warn:#ffa94d;--bad:#ff8a80;--live:#7db0ff;\
    --c0:#7db0ff;--c1:#ff9d66;--c2:#6cc884;--c3:#d59be6;--c4:#5ed3c6;--c5:#e6bd5a;--c6:#ff92bd;--c7:#b4b4bd;\
    --dot:#ffa94d;
    """

  /// Lines and dots of curves.
  static let curves = """
    .grid{stroke:var(--line);stroke-width:1;fill:none;vector-effect:non-scaling-stroke}
    .raw,.mean,.point,.validation,.best{fill:none;vector-effect:non-scaling-stroke;\
    stroke-linejoin:round;stroke-linecap:round}
    .raw{stroke-width:1;opacity:.32}.mean{stroke-width:2.2}
    .validation{stroke:var(--dot)!important;stroke-width:7}
    .validation.rim{stroke:var(--card)!important;stroke-width:10}
    .validation.small{stroke-width:3.5}
    .best{stroke:var(--dot)!important;stroke-width:13}.best.core{stroke:var(--card)!important;stroke-width:7}
    .point{stroke-width:6}.point.rim{stroke:var(--card)!important;stroke-width:9}
    .c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}
    .c4{stroke:var(--c4)}.c5{stroke:var(--c5)}.c6{stroke:var(--c6)}.c7{stroke:var(--c7)}
    .second{stroke-dasharray:6 5}.third{stroke-dasharray:1.5 5}
    """

  static let sheet = """
    :root{color-scheme:light dark;\(light)}
    @media (prefers-color-scheme:dark){:root{\(dark)}}
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%}
    body{margin:0;background:var(--page);color:var(--ink);\
    font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
    main{max-width:1120px;margin:0 auto;padding:clamp(16px,3vw,40px) clamp(12px,3vw,32px)}
    h1{font-size:clamp(1.35rem,4vw,1.8rem);line-height:1.2;margin:0;letter-spacing:-.015em;overflow-wrap:anywhere}
    h2{font-size:1.05rem;margin:0 0 .7rem;letter-spacing:-.005em}
    p{margin:0}.quiet{color:var(--quiet)}.num,td,.tile b{font-variant-numeric:tabular-nums}
    code,pre,.mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em}
    header{margin-bottom:1.4rem}
    .head{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem .9rem}
    .status{display:inline-flex;align-items:center;gap:.5em;padding:.16em .75em;border-radius:99px;\
    font-size:.88rem;font-weight:600;background:var(--fill);color:var(--live)}
    .status::before{content:"";width:.55em;height:.55em;border-radius:50%;background:currentColor}
    .running .status::before{animation:pulse 2s ease-in-out infinite}
    @keyframes pulse{50%{opacity:.25}}
    @media (prefers-reduced-motion:reduce){.running .status::before{animation:none}}
    .finished .status{color:var(--good)}.stopped .status,.stopping .status{color:var(--warn)}
    .failed .status,.silent .status{color:var(--bad)}
    .notice{margin-top:.9rem;padding:.65rem .9rem;border-radius:8px;background:var(--fill);\
    border-left:4px solid var(--bad);overflow-wrap:anywhere}
    .stopped .notice.cause,.stopping .notice.cause{border-color:var(--warn)}
    .bar{height:8px;border-radius:99px;background:var(--line);margin:1.1rem 0 .5rem;overflow:hidden}
    .bar i{display:block;height:100%;border-radius:99px;background:var(--live)}
    .finished .bar i{background:var(--good)}.stopped .bar i,.stopping .bar i{background:var(--warn)}
    .failed .bar i,.silent .bar i{background:var(--bad)}
    .where{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.1rem 1.5rem}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-bottom:16px}
    .card,.tile{background:var(--card);border:1px solid var(--line);border-radius:12px}
    .tile{padding:.75rem .95rem;min-width:0}.tile span{display:block;font-size:.84rem;color:var(--quiet)}
    .tile b{display:block;font-size:1.42rem;line-height:1.3;font-weight:650;letter-spacing:-.01em;\
    overflow-wrap:anywhere}
    .tile b.mono{font-size:1.02rem;line-height:1.85rem;letter-spacing:0;font-weight:600}
    .card{padding:clamp(.9rem,2vw,1.3rem);margin-bottom:16px;min-width:0}
    .pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:0 16px}
    .title{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:baseline;gap:.2rem 1rem}
    .choice{display:inline-flex;border:1px solid var(--line);border-radius:8px;overflow:hidden}
    .choice button{font:inherit;font-size:.84rem;padding:.2rem .8rem;border:0;background:none;color:var(--quiet);\
    cursor:pointer}
    .choice button[aria-pressed=true]{background:var(--fill);color:var(--ink);font-weight:600}
    button:focus-visible,summary:focus-visible,.plot:focus-visible{outline:2px solid var(--live);outline-offset:2px}
    figure{margin:0}figcaption{margin-bottom:.7rem}
    .keys{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;font-size:.84rem;color:var(--quiet);margin:0;padding:0;\
    list-style:none}
    .keys li{display:flex;align-items:center;gap:.45em}
    .keys svg{width:20px;height:14px;flex:none}.keys b{color:var(--ink);font-weight:600}
    .view{display:grid;grid-template-columns:auto 1fr;font-size:.76rem;color:var(--quiet)}
    .js [data-axis=step] .by-seconds,[data-axis=seconds] .by-step,.by-seconds{display:none}
    [data-axis=seconds] .by-seconds{display:grid}
    .y{position:relative;height:var(--tall);padding-right:.6em;text-align:right;white-space:nowrap}
    .y span{position:absolute;right:.6em;transform:translateY(-50%)}
    .y i{font-style:normal;visibility:hidden;display:block;height:0}
    .plot{position:relative;height:var(--tall);touch-action:pan-y;border-bottom:1px solid var(--quiet)}
    .plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
    .x{grid-column:2;position:relative;height:1.6em}
    .x span{position:absolute;top:.3em;transform:translateX(-50%);white-space:nowrap}
    .x span.end{transform:translateX(-100%)}.x span.start{transform:none}
    .cursor{position:absolute;top:0;bottom:0;width:1px;background:var(--quiet);pointer-events:none}
    .tip{position:absolute;top:8px;z-index:2;pointer-events:none;background:var(--card);color:var(--ink);\
    border:1px solid var(--line);border-radius:8px;padding:.4rem .65rem;box-shadow:0 4px 18px #0002;\
    font-size:.8rem;line-height:1.45;white-space:pre;font-variant-numeric:tabular-nums;max-width:88vw}
    .tall{--tall:clamp(210px,34vw,340px)}.low{--tall:130px}
    \(curves)
    .samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,310px),1fr));gap:12px}
    .sample{border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem;min-width:0}
    .sample h3{font-size:.8rem;font-weight:600;color:var(--quiet);margin:0 0 .3rem}
    .sample pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;max-height:15em;overflow-y:auto}
    dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.2rem;margin:0}
    dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere;min-width:0}
    .command{display:block;background:var(--fill);border-radius:8px;padding:.5rem .7rem;margin:.15rem 0 .7rem;\
    white-space:pre-wrap;overflow-wrap:anywhere;user-select:all}
    .events{margin:0;padding:0;list-style:none}.events li{display:grid;\
    grid-template-columns:12.5em 7em 1fr;gap:0 1rem;padding:.28rem 0;border-top:1px solid var(--line)}
    .events li:first-child{border:0}.events p{overflow-wrap:anywhere;min-width:0}
    .scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
    th,td{text-align:right;padding:.42rem .7rem;white-space:nowrap;border-top:1px solid var(--line)}
    thead th{border:0;color:var(--quiet);font-weight:500}th:first-child,td:first-child{text-align:left;padding-left:0}
    td .swatch{display:inline-block;vertical-align:middle;width:22px;height:14px;margin-right:.5em}
    td b{font-weight:700}
    td:first-child{white-space:normal;overflow-wrap:anywhere;min-width:8em}
    footer{font-size:.84rem;color:var(--quiet);margin-top:1.4rem}
    @media (max-width:640px){body{font-size:15px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}
    .events li{grid-template-columns:auto 1fr;font-size:.9rem}.events p{grid-column:1/-1}
    .tiles{grid-template-columns:1fr 1fr;gap:8px}.tile{padding:.6rem .7rem}.tile b{font-size:1.2rem}
    .tile.wide{grid-column:1/-1}.x span:nth-last-child(even){display:none}}
    @media print{body{background:#fff}.card,.tile{break-inside:avoid}}
    """
}
