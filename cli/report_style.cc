#include "report_style.h"

namespace spillway::cli {

const std::string_view kReportStyle = R"css(
:root{color-scheme:light dark;--page:#fbfaf7;--ink:#1b1d21;--quiet:#5c616b;--line:#d9d6cd;--hair:#e9e6de;--box:#f2f0ea;
--reserved:#7b8aa1;--spot:#cf7200;--ondemand:#0b4f8a;--saved:#cf720026;--bad:#b3261e;--wait:#b9b4a6}
@media(prefers-color-scheme:dark){:root{--page:#14161a;--ink:#eceae4;--quiet:#a2a7b1;--line:#343942;--hair:#262a31;--box:#1d2026;
--reserved:#8794ab;--spot:#f0a23c;--ondemand:#5aa7e4;--saved:#f0a23c24;--bad:#ff8a80;--wait:#565b66}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1080px;margin:0 auto;padding:40px 24px 64px}
h1,h2{font-family:Georgia,"Iowan Old Style","Times New Roman",serif;font-weight:700;line-height:1.15;letter-spacing:-.01em;text-wrap:balance}
h1{font-size:clamp(28px,4.6vw,46px);margin:0 0 12px;max-width:20em}
h2{font-size:23px;margin:0 0 4px}
.kicker{font-size:12px;font-weight:600;letter-spacing:.09em;text-transform:uppercase;color:var(--spot);margin:0 0 10px}
.lede,.note{color:var(--quiet);margin:0 0 20px;max-width:46em}
section{border-top:1px solid var(--line);padding-top:20px;margin-top:36px}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);margin:28px 0 0;border-top:3px solid var(--ink)}
.tiles div{padding:12px 12px 0 0}
.tiles dt{font-size:13px;color:var(--quiet)}
.tiles dd{margin:0;font-size:clamp(19px,2.2vw,25px);font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.02em;white-space:nowrap}
.tiles dd small{display:block;font-size:12.5px;font-weight:400;color:var(--quiet);letter-spacing:0;white-space:normal;line-height:1.35}
.bad{color:var(--bad)}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 10px;padding:0;list-style:none;font-size:13px;color:var(--quiet)}
.key i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px;vertical-align:-1px}
.key .rule{height:0;border-top:2px dashed var(--ink);border-radius:0;vertical-align:4px;width:16px}
figure{margin:0}
.plot{position:relative;margin:6px 0 30px 56px}.plot.cost-plot{margin-right:92px}
.plot svg{display:block;width:100%;height:100%;overflow:visible}
.plot.tall{height:280px}.plot.mid{height:220px}
.y,.x{position:absolute;font-size:12px;color:var(--quiet);font-variant-numeric:tabular-nums;white-space:nowrap;line-height:1}
.y{right:100%;margin-right:8px;transform:translateY(-50%)}
.x{top:100%;margin-top:8px;transform:translateX(-50%)}
.x.first{transform:none}
.end{position:absolute;left:100%;margin-left:8px;font-size:13px;font-weight:600;line-height:1.15;transform:translateY(-50%);white-space:nowrap}
.end small{display:block;font-weight:400;color:var(--quiet)}
.grid{stroke:var(--hair);stroke-width:1}.base{stroke:var(--quiet);stroke-width:1}
svg *{vector-effect:non-scaling-stroke}
.f-Reserved{fill:var(--reserved)}.f-Spot{fill:var(--spot)}.f-OnDemand{fill:var(--ondemand)}
.b-Reserved{background:var(--reserved)}.b-Spot{background:var(--spot)}.b-OnDemand{background:var(--ondemand)}
.s-Reserved{stroke:var(--reserved)}.s-Spot{stroke:var(--spot)}.s-OnDemand{stroke:var(--ondemand)}
.s-Reserved,.s-Spot,.s-OnDemand{fill:none;stroke-width:1.5;stroke-linejoin:round}
.owned{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 4}
.limit{stroke:var(--quiet);stroke-width:1;stroke-dasharray:2 3;fill:none}
.none{fill:var(--line);opacity:.75}
.cost{fill:none;stroke:var(--spot);stroke-width:2.5}.dear{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 4}
.between{fill:var(--saved)}
.wait{fill:var(--wait);opacity:.55}.cut{stroke:var(--bad);stroke-width:2}.due{fill:none;stroke:var(--ink);stroke-width:1.5}
.strips{margin:0 0 30px}
.strip{display:grid;grid-template-columns:190px 1fr 84px;column-gap:12px;align-items:center;border-bottom:1px solid var(--hair)}
.strip .name{font-size:13px;line-height:1.25;overflow-wrap:anywhere;padding:4px 0}
.strip .name small{color:var(--quiet);font-size:12px}.price .name small{display:block}
.strip .what{font-size:12px;color:var(--quiet);text-align:right;font-variant-numeric:tabular-nums;line-height:1.25}
.strip .what b{color:var(--ink);font-weight:600}
.strip svg{display:block;width:100%;overflow:visible}
.price svg{height:44px}.price{padding:4px 0}
.bar svg{height:15px}.bar{padding:1px 0}
.bar [data-p]{cursor:default}.bar [data-p]:hover{opacity:.8}
.scale{display:grid;grid-template-columns:190px 1fr 84px;column-gap:12px}
.scale div{position:relative;height:20px;grid-column:2}
.stack{display:flex;height:18px;border-radius:2px;overflow:hidden;background:var(--box)}
.stack span{display:block;height:100%}.stack .starting{opacity:.55}.stack .idle{opacity:.28}
.shares{display:grid;grid-template-columns:max-content 1fr max-content;gap:8px 14px;align-items:center;font-size:14px;margin:0 0 26px}
.shares .n{font-variant-numeric:tabular-nums;text-align:right;color:var(--quiet);font-size:13px}
.scroll{overflow-x:auto;margin:0 -24px;padding:0 24px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{font-size:12px;font-weight:600;color:var(--quiet);text-align:left;vertical-align:bottom;padding:6px 10px 6px 0;border-bottom:1px solid var(--ink);white-space:nowrap}
th button{all:unset;cursor:pointer}th button:focus-visible{outline:2px solid var(--ondemand);outline-offset:2px}
th[aria-sort=ascending] button::after{content:" \2191"}th[aria-sort=descending] button::after{content:" \2193"}
td{padding:5px 10px 5px 0;border-bottom:1px solid var(--hair);vertical-align:top}
th.r,td.r{text-align:right;white-space:nowrap}
td small{color:var(--quiet)}
details summary{cursor:pointer}
details ol{margin:6px 0 8px;padding:0;list-style:none;font-size:12.5px;color:var(--quiet);max-width:52em}
details li{margin:0 0 5px;padding-left:14px;border-left:4px solid var(--line)}
details li.Reserved{border-color:var(--reserved)}details li.Spot{border-color:var(--spot)}details li.OnDemand{border-color:var(--ondemand)}
details li b{color:var(--ink);font-weight:600}
#tip{position:fixed;z-index:9;max-width:min(380px,90vw);padding:8px 10px;background:var(--ink);color:var(--page);font-size:12.5px;line-height:1.4;border-radius:3px;pointer-events:none}
#tip b{font-weight:650}
ul.plain{margin:0;padding-left:1.1em;color:var(--quiet);max-width:52em}
footer{margin-top:40px;font-size:12.5px;color:var(--quiet)}
@media(max-width:720px){main{padding:24px 16px 48px}.tiles{grid-template-columns:repeat(2,1fr)}.tiles div{border-bottom:1px solid var(--hair);padding-bottom:10px}
.plot,.plot.cost-plot{margin-left:54px;margin-right:8px}.plot.tall,.plot.mid{height:200px}.end{display:none}.minor{display:none}
.strip,.scale{grid-template-columns:1fr auto}.strip .name{grid-row:1}.strip .plotcell{grid-column:1/-1;grid-row:2}.strip .what{grid-row:1;grid-column:2}
.strip .name small{display:inline}.scale div{grid-column:1/-1}.scroll{margin:0 -16px;padding:0 16px}.bar{padding:4px 0 6px}
.shares{grid-template-columns:1fr max-content}.shares .stack{grid-column:1/-1;order:0}.shares .n{grid-column:2}}
@media print{@page{margin:14mm 12mm}
:root{--page:#fff;--ink:#000;--quiet:#444;--line:#bbb;--hair:#ddd;--box:#eee;--reserved:#7b8aa1;--spot:#cf7200;--ondemand:#0b4f8a}
body{font-size:11px}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}main{padding:0;max-width:none}#tip{display:none}.scroll{overflow:visible;margin:0;padding:0}
figure,.plot,.strip,.scale,tr,.tiles,.shares,li{break-inside:avoid}h2,.lede,.note,.key{break-after:avoid}section{margin-top:22px;padding-top:14px}.lede,.note{max-width:none;margin-bottom:12px}
table{font-size:10px}th{white-space:normal;font-size:9.5px}th,td{padding-right:7px}td:first-child,th:first-child{min-width:12em}summary{list-style:none}summary::-webkit-details-marker{display:none}
details:not([open])>:not(summary){display:none}.plot.tall{height:230px}.plot.mid{height:190px}}
)css";

const std::string_view kReportScript = R"js(
(function(){
var tip=document.createElement('div');tip.id='tip';tip.hidden=true;tip.setAttribute('role','status');document.body.appendChild(tip);
function show(e){var m=e.target.closest&&e.target.closest('[data-p]');var from=m&&document.getElementById(m.getAttribute('data-p'));
if(!from){tip.hidden=true;return}
tip.innerHTML=from.innerHTML;tip.hidden=false;
var r=tip.getBoundingClientRect(),x=Math.min(e.clientX+14,innerWidth-r.width-8),y=e.clientY+16;
if(y+r.height>innerHeight-8)y=e.clientY-r.height-12;
tip.style.left=Math.max(8,x)+'px';tip.style.top=Math.max(8,y)+'px'}
document.addEventListener('pointermove',show);document.addEventListener('pointerdown',show);
document.addEventListener('scroll',function(){tip.hidden=true},{passive:true});
document.querySelectorAll('table.sort').forEach(function(t){
t.querySelectorAll('th').forEach(function(th,i){var b=th.querySelector('button');if(!b)return;
b.addEventListener('click',function(){var number=th.classList.contains('r');
var up=th.getAttribute('aria-sort')==='descending'||(!th.hasAttribute('aria-sort')&&!number);
t.querySelectorAll('th').forEach(function(o){o.removeAttribute('aria-sort')});
th.setAttribute('aria-sort',up?'ascending':'descending');
var rows=Array.prototype.slice.call(t.tBodies[0].rows).map(function(r){var c=r.cells[i],v=c.getAttribute('data-v');
return{r:r,v:number?parseFloat(v===null?'-1e18':v):(v===null?c.textContent:v)}});
rows.sort(function(a,b){var d=number?a.v-b.v:String(a.v).localeCompare(String(b.v),'en',{numeric:true});return up?d:-d});
rows.forEach(function(o){t.tBodies[0].appendChild(o.r)})})})})
})();
)js";

}  // namespace spillway::cli
