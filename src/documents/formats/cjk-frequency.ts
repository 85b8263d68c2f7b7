/** Han characters that Chinese and Japanese texts are full of, simplified and traditional: in a wrong encoding they are rare. */
const frequentHan =
  '的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运' +
  '這個們來為國說時會對過發後裡種經麼學現當沒動還進樣開從實軍無與長機點業將兩間問應戰頭體見產話內給門兒東聲論義認條氣題爾別變總電數報結務場計資許統區隊決馬書聽卻達強難權設記類據邊張該規萬覺術領確傳師觀讓識帶導爭運';

/** Of places, times and papers: what short texts are made of. */
const usualHan =
  '京海江河湖州省县市区町村路街号楼室层茶古城桥石里东西南北京上年月日时分秒周星期早晚春夏秋冬钱元价格单份告报表格书信件附录页章节目题标签姓名字址邮编码公司部门经办签章版权甲乙丙双方价款付收入支出合计测试验収県気駅車会社円図広対応続' +
  '臺灣縣區號樓價單報紙書帳錄頁簽權雙計測試驗學校';
const frequentHangul = new Set(
  '이다는을를에의가하고지기로사서한도은대자어리그인라시나아만정해일수부있보스제전여장성동주상원우구조관과으며면적들것거게했었습니까세요안녕당소공용선신유미국민경생학회진실물비치개방연문화중내무오각분차입출발음식집말때모두또없않바마더된될되와저위처른등러터드래린운영금결행계획설명법서울섬배침곱떠난',
);

const frequent = new Set(frequentHan + usualHan);

/** Whether a Korean syllable is one of the most frequent hundred and fifty. */
export function isFrequentHangul(character: string): boolean {
  return frequentHangul.has(character);
}


/** Whether a Han character is one of the most frequent seven hundred. */
export function isFrequentHan(character: string): boolean {
  return frequent.has(character);
}
