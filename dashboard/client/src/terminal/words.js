// Words of the officer's page in both languages. A key that is missing in one of them fails the build's test.
export const WORDS = {
  "zh-CN": {
    title: "联动 警员终端", standby: "待命", standby_hint: "有派警时会响铃、振动并全屏显示", connected: "已连接", reconnecting: "连接中断，正在重连…",
    waiting: "条待发送", new_push: "新派警", acknowledge: "签收", refuse: "拒绝", depart: "出警", arrive: "到场", feedback: "反馈", done: "已反馈，等待审核或办结",
    refuse_why: "拒绝原因（必填）", send: "发送", cancel: "取消", feedback_hint: "处置经过、结果", photo: "拍照", video: "录像", file: "文件", uploads: "上传",
    queued: "等待网络", uploading: "上传中", stored: "已存", failed: "失败", retry: "重试", eta: "预计", away: "路程", no_place: "地点待定位", called: "报警时间",
    recalled: "派警已撤回", over: "警情已结束", refused_by_server: "未被接受", map: "路线", sound: "点一下以允许声音和振动", logout: "退出", text: "警情内容",
    status_available: "待命", status_out_of_service: "离岗", status_committed: "有任务", stage: "进度", minutes: "分", seconds: "秒", metres: "米", km: "公里",
    position_off: "未取得定位", position_on: "定位正常", no_unit: "此账号没有对应的警力，不能接警。请联系管理员。", offline_kept: "无网络：操作已记下，联网后按原时间补发",
    quick: ["现场已控制，双方调解完毕", "已带回所处理", "到场未发现异常", "请求增援"], caller: "报警人", replaced: "已在本机另一页面打开，此页不再接收派警",
  },
  en: {
    title: "Liandong terminal", standby: "Standing by", standby_hint: "A push rings, vibrates and fills the screen", connected: "connected", reconnecting: "Connection lost, trying again…",
    waiting: "waiting to be sent", new_push: "New incident", acknowledge: "Acknowledge", refuse: "Refuse", depart: "Set out", arrive: "On scene", feedback: "Feedback", done: "Feedback given; waiting for review or closing",
    refuse_why: "Why not? (required)", send: "Send", cancel: "Cancel", feedback_hint: "What was done, what came of it", photo: "Photo", video: "Video", file: "File", uploads: "Uploads",
    queued: "waiting for network", uploading: "uploading", stored: "stored", failed: "failed", retry: "Try again", eta: "ETA", away: "by road", no_place: "Place not known yet", called: "Called at",
    recalled: "The push was taken back", over: "The incident is over", refused_by_server: "Not accepted", map: "Route", sound: "Tap to allow sound and vibration", logout: "Log out", text: "What was said",
    status_available: "Available", status_out_of_service: "Off duty", status_committed: "Committed", stage: "Stage", minutes: "min", seconds: "s", metres: "m", km: "km",
    position_off: "no position", position_on: "position ok", no_unit: "This account belongs to no unit and can't take incidents. Ask an administrator.", offline_kept: "No network: noted, and sent with its own time when it is back",
    quick: ["Situation under control, settled on the spot", "Taken to the station", "Nothing found", "Asking for support"], caller: "Caller", replaced: "Opened in another page of this device; this one takes no more pushes",
  },
};

export const GRADES = {
  "zh-CN": { 1: "重大", 2: "紧急", 3: "一般", 4: "非警务" },
  en: { 1: "Major", 2: "Urgent", 3: "Ordinary", 4: "Non-police" },
};

export const STAGES = ["acknowledged", "en_route", "on_scene", "feedback"];

let language = "zh-CN";

export function chooseLanguage(wanted) {
  language = wanted.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
  document.documentElement.lang = language;
}

export const currentLanguage = () => language;
export const t = (key) => WORDS[language][key];
export const gradeWord = (grade) => GRADES[language][grade];

export function duration(seconds) {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} ${t("seconds")}` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} ${t("minutes")}`;
}

export function distance(metres) {
  return metres < 1000 ? `${Math.round(metres / 10) * 10} ${t("metres")}` : `${(metres / 1000).toFixed(1)} ${t("km")}`;
}
