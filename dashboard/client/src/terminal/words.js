// Words of the officer's page in both languages; a key that is missing in one of them fails a test.
export const WORDS = {
  "zh-CN": {
    standby: "待命", standby_hint: "有派警时会响铃、振动并全屏显示", standby_offline: "连接中断，收不到派警，请守听电台", busy_hint: "有任务时不会收到派警", off_hint: "离岗时不会收到派警", opening: "正在连接…",
    connected: "已连接", reconnecting: "连接中断", as_of: "无网络，显示的是 {at} 的情况",
    waiting: "{n} 条操作待发送", waiting_offline: "{n} 条操作已记下，联网后按原时间补发", others_wait: "本机另有 {n} 条其他警力的操作或文件，待其登录后发送",
    new_push: "新派警", pushed_ago: "已派 {age}", acknowledge: "签收", refuse: "拒绝", depart: "出警", arrive: "到场", feedback: "反馈", clear: "处置完毕", did_acknowledge: "签收", did_depart: "出警", did_arrive: "到场", did_feedback: "反馈",
    all_well: "平安？按一下报平安", all_well_hint: "不答，指挥室会告警", check_in: "报平安",
    seems_depart: "看来已出警：确认", seems_arrive: "看来已到场：确认", seems_clear: "看来已返回：确认处置完毕", by_position: "据定位，{at} 起",
    more_feedback: "补充反馈", done: "已反馈", returned: "反馈被退回，请补充后重新提交",
    refuse_title: "为什么不能接警？", refuse_hint: "拒绝原因（必填）", feedback_title: "处置反馈", feedback_hint: "处置经过、结果", outcome: "处理结果",
    send: "提交", close: "关闭", understood: "知道了", call_back: "拨打",
    photo: "拍照", video: "录像", file: "文件", uploads: "材料", kept_count: "已存 {n} 件", uploading_at: "上传中 {percent}%", queued: "等待网络", stored: "已存", retry: "重试", drop: "不传了",
    eta: "路程用时", arriving: "即将到达", promised: "派警时路程用时", away: "路程", no_place: "地点待定位", called: "报警", caller: "报警人", way: "行车路线",
    recalled: "派警已撤回", over: "本次任务已结束", number: "警情 {n}", reason: "原因：{text}", not_accepted: "“{what}”未被接受",
    sound_off: "点一下，允许铃声和振动", sound_on: "铃声与振动已开", position_off: "正在取得定位…", position_denied: "定位被拒绝：请在浏览器设置里允许本网站定位", position_on: "定位正常", position_old: "超过两分钟没有新定位", position_refused: "定位被服务器拒收",
    checklist: "处置规范", check_count: "已做 {n}/{m}", required: "必做", lacking: "必做项还有 {n} 项未做；确未做到的，照实提交",
    voice: "录音", recording: "正在录音", keep_recording: "停止并保存", drop_recording: "不要了", no_recording: "不能录音", microphone_refused: "请在浏览器设置里允许本网站使用麦克风",
    film: "现场回传", film_hint: "画面直通指挥室，并存入本警情", filming: "正在回传", film_open: "看画面", film_stop: "停止回传", film_turn: "换镜头", film_hide: "收起", film_silent: "只传画面，不录声音",
    film_all_sent: "全部已传", film_unsent: "{n} 秒待传", film_offline: "无网络：{n} 秒存在本机，联网后自动补传", film_late: "此手机的画面到指挥室约迟 1 秒", film_room: "本机空间约可再录 {n} 分钟", film_dark: "画面中断：请回到本页，镜头恢复后自动继续",
    film_stopped: "回传已停止", film_over: "本次任务已结束。已录的会继续上传", film_full: "本机存储空间不足。请腾出空间；已录的会继续上传", film_broken: "本机不能保存画面。已录的会继续上传", film_camera: "手机收走了摄像头。已录的会继续上传", film_refused: "指挥室没有接收这段回传",
    no_filming: "不能回传", camera_refused: "请在浏览器设置里允许本网站使用摄像头", no_camera: "没有可用的摄像头",
    crews: "同警情：", responsible: "主责", you_responsible: "本组主责", repushed: "你未及时签收，已另派 {who}；你仍在本警情上", sent_because: "因 {who} 未及时签收，另派本组", and: "、",
    panic: "求援", panic_label: "紧急求援：按住 1.5 秒", panic_hold: "继续按住，发出紧急求援", panic_release: "松开即取消", panic_short: "没有发出", panic_again: "要按住 1.5 秒",
    panic_queued: "{at} 的求援尚未发出，一有网络立即发出", panic_radio: "请同时用电台呼叫", panic_sent: "{at} 的求援已发出，等待指挥室确认", panic_received: "指挥室已收到 {at} 的求援：警情 {n}", panic_refused: "求援未被接受，请用电台呼叫",
    unknown_stage: "指挥室说进度为“{stage}”，本页不认识。请刷新本页；仍不认识，请用电台联系", unknown_status: "本页不认识状态“{status}”，请刷新本页", reload: "刷新本页", over_as: "结束方式：{stage}", grade_other: "{grade} 级", ended_otherwise: "服务器结束了连接：{reason}",
    muster: "紧急集合", muster_by: "{by} · {at} 发出", muster_until: "至", muster_come: "马上到", muster_not: "不能到", muster_coming: "已答复：马上到", muster_declined: "已答复：不能到", muster_line: "紧急集合：{text}（至 {at}）",
    sign_on: "签到上岗", sign_off: "签退离岗", answer_muster: "答复紧急集合", on_shift: "{name}，至 {at}", on_muster: "紧急集合在岗，至 {at}", next_shift: "不在班次内，下一班 {at}", no_shift: "不在班次内", overtime: "已下班（{at}），本次任务结束后离岗",
    install: "安装到手机桌面",
    insecure: "本页需要 https 连接，否则不能定位、响铃和离线使用",
    no_unit: "此账号没有对应的警力，不能接警。请联系管理员。", not_permitted: "此账号不能使用警员终端。", replaced: "已在本机另一页面打开，此页不再接收派警", use_here: "在此页使用",
    me: "我的状态", status_fixed: "执行警情期间，状态随进度变化", language: "语言", theme: "外观", theme_auto: "自动", theme_light: "浅色", theme_dark: "深色", account: "账号与登录", logout: "退出登录",
    logout_waits: "{n} 条尚未发送，会留在本机，下次登录后继续发送", logout_failed: "没有网络，不能退出登录", keep_failed: "本机存储不可用，关闭页面会丢失未发送的内容",
    set_unit_status: "改变状态", upload: "上传",
    cast: "通播", cast_urgent: "紧急通播", cast_from: "{who} · {at} 发出", cast_read: "已读", cast_more: "另有 {n} 条未读", cast_replaces: "代替先前的通播", cast_recalled: "通播已撤回", read_broadcast: "已读通播", remark: "{who} · {at} 备注", read_note: "已读备注",
    status_available: "待命", status_committed_deployable: "有任务可调派", status_committed: "有任务", status_out_of_service: "离岗", status_dispatched: "已派", status_en_route: "出警途中", status_on_scene: "现场处置",
    stage_pushed: "已派", stage_acknowledged: "已签收", stage_en_route: "出警途中", stage_on_scene: "到场", stage_feedback: "已反馈", stage_released: "已离开", stage_recalled: "已撤回", stage_refused: "已拒绝",
    minutes: "分", seconds: "秒", metres: "米", km: "公里",
    quick_refuse: ["正在处置其他警情", "车辆故障", "距离太远"],
  },
  en: {
    standby: "Standing by", standby_hint: "A push rings, vibrates and fills the screen", standby_offline: "Offline: no push arrives here, listen to the radio", busy_hint: "No pushes while you have a task of your own", off_hint: "No pushes while off duty", opening: "Connecting…",
    connected: "Connected", reconnecting: "Offline", as_of: "No network: this is how it was at {at}",
    waiting: "{n} waiting to be sent", waiting_offline: "{n} noted; will be sent with their own time", others_wait: "{n} commands or files of another unit wait on this device until it logs in",
    new_push: "New incident", pushed_ago: "pushed {age} ago", acknowledge: "Acknowledge", refuse: "Refuse", depart: "Set out", arrive: "On scene", feedback: "Feedback", clear: "Finished", did_acknowledge: "Taken", did_depart: "Set out", did_arrive: "Arrived", did_feedback: "Feedback",
    all_well: "All well? Press to say so", all_well_hint: "without an answer the command room is alarmed", check_in: "All well",
    seems_depart: "You seem to have set out: confirm", seems_arrive: "You seem to have arrived: confirm", seems_clear: "You seem to be back: confirm finished", by_position: "by position, since {at}",
    more_feedback: "Add to feedback", done: "Feedback given", returned: "Your feedback was returned; complete it and send it again",
    refuse_title: "Why can't you go?", refuse_hint: "Reason (required)", feedback_title: "Feedback", feedback_hint: "What was done, what came of it", outcome: "Outcome",
    send: "Send", close: "Close", understood: "Understood", call_back: "Call",
    photo: "Photo", video: "Video", file: "File", uploads: "Material", kept_count: "{n} stored", uploading_at: "uploading {percent}%", queued: "waiting for network", stored: "stored", retry: "Try again", drop: "Drop it",
    eta: "Travel time", arriving: "arriving", promised: "Travel time at push", away: "by road", no_place: "Place not known yet", called: "called", caller: "Caller", way: "Way by road",
    recalled: "The push was taken back", over: "This task is over", number: "Incident {n}", reason: "Reason: {text}", not_accepted: "“{what}” was not accepted",
    sound_off: "Tap to allow sound and vibration", sound_on: "Sound and vibration on", position_off: "Getting a position…", position_denied: "Position refused: allow it for this site in the browser's settings", position_on: "Position known", position_old: "No new position for two minutes", position_refused: "The server refuses the position",
    checklist: "Check-list", check_count: "{n} of {m} done", required: "required", lacking: "{n} required not done; if that is so, send it as it is",
    voice: "Voice", recording: "Recording", keep_recording: "Stop and keep", drop_recording: "Discard", no_recording: "Can't record", microphone_refused: "Allow the microphone for this site in the browser's settings",
    film: "Scene video", film_hint: "live to the command room, kept with the incident", filming: "Sending live", film_open: "Picture", film_stop: "Stop sending", film_turn: "Other camera", film_hide: "Hide", film_silent: "Picture only, no sound",
    film_all_sent: "all sent", film_unsent: "{n} s to be sent", film_offline: "No network: {n} s kept here, sent as soon as there is one", film_late: "This phone's picture reaches the room about 1 s late", film_room: "Room for about {n} more minutes on this phone", film_dark: "No picture: come back to this page; it goes on with the camera",
    film_stopped: "Sending has stopped", film_over: "This task is over. What was filmed is still sent", film_full: "There is too little room on this phone. Free some; what was filmed is still sent", film_broken: "This phone can't store the picture. What was filmed is still sent", film_camera: "The phone took the camera away. What was filmed is still sent", film_refused: "The command room did not take this video",
    no_filming: "Can't send video", camera_refused: "Allow the camera for this site in the browser's settings", no_camera: "There is no camera",
    crews: "Also on it:", responsible: "responsible", you_responsible: "You are responsible", repushed: "Not acknowledged in time: {who} was sent as well. You stay on it", sent_because: "Sent because {who} had not acknowledged in time", and: ", ",
    panic: "SOS", panic_label: "Officer emergency: hold for 1.5 s", panic_hold: "Keep holding to call for help", panic_release: "Let go to cancel", panic_short: "Not sent", panic_again: "Hold it for 1.5 s",
    panic_queued: "Your call for help of {at} is not sent yet; it goes out as soon as there is a network", panic_radio: "Call by radio as well", panic_sent: "Your call for help of {at} is sent; waiting for the command room", panic_received: "The command room has your call for help of {at}: incident {n}", panic_refused: "Your call for help was not accepted; call by radio",
    unknown_stage: "The command room says “{stage}”, a stage this page does not know. Reload it; if that does not help, call by radio", unknown_status: "This page does not know the status “{status}”; reload it", reload: "Reload", over_as: "How it ended: {stage}", grade_other: "Grade {grade}", ended_otherwise: "The server ended the connection: {reason}",
    muster: "Reserves mustered", muster_by: "{by} · called at {at}", muster_until: "until", muster_come: "Coming", muster_not: "Can't come", muster_coming: "You said: coming", muster_declined: "You said: can't come", muster_line: "Muster: {text} (until {at})",
    sign_on: "Sign on", sign_off: "Sign off", answer_muster: "Answer to the muster", on_shift: "{name}, until {at}", on_muster: "On duty by muster, until {at}", next_shift: "In no shift now, the next begins {at}", no_shift: "In no shift now", overtime: "Your shift ended at {at}; off duty when this task is over",
    install: "Install on this phone",
    insecure: "This page needs https; without it there is no position, no sound and no offline use",
    no_unit: "This account belongs to no unit and can't take incidents. Ask an administrator.", not_permitted: "This account can't use the officer's terminal.", replaced: "Opened in another page of this device; this one takes no more pushes", use_here: "Use this page",
    me: "My status", status_fixed: "While you are on an incident your status follows its stages", language: "Language", theme: "Theme", theme_auto: "Auto", theme_light: "Light", theme_dark: "Dark", account: "Account and sessions", logout: "Log out",
    logout_waits: "{n} not sent yet; they stay on this device and are sent after the next log-in", logout_failed: "No network: can't log out now", keep_failed: "This device can't store anything: closing the page loses what is not sent",
    set_unit_status: "Change of status", upload: "Upload",
    cast: "Broadcast", cast_urgent: "Urgent broadcast", cast_from: "{who} · sent {at}", cast_read: "I have read it", cast_more: "{n} more to read", cast_replaces: "In place of an earlier broadcast", cast_recalled: "A broadcast was recalled", read_broadcast: "Broadcast read", remark: "Note by {who}, {at}", read_note: "Note read",
    status_available: "Available", status_committed_deployable: "Busy, deployable", status_committed: "Busy", status_out_of_service: "Off duty", status_dispatched: "Dispatched", status_en_route: "En route", status_on_scene: "On scene",
    stage_pushed: "pushed", stage_acknowledged: "acknowledged", stage_en_route: "en route", stage_on_scene: "on scene", stage_feedback: "feedback given", stage_released: "has left", stage_recalled: "recalled", stage_refused: "refused",
    minutes: "min", seconds: "s", metres: "m", km: "km",
    quick_refuse: ["Busy with another incident", "Vehicle out of order", "Too far away"],
  },
};

// The server's refusals in short; its own words, which name the values, stand below.
export const RULES = {
  "zh-CN": {
    "assignment-ended": "你已不在这起警情上", "incident-ended": "警情已结束", "stage-backwards": "进度不能倒退", "unit-assigned": "执行警情期间不能改状态",
    "not-assigned": "你没有被派到这起警情", "unknown-broadcast": "没有这条通播", "unknown-note": "没有这条备注", "unknown-incident": "没有这起警情，或你不能查看", "before-push": "时间早于派警", "implausible-time": "时间不合理", "text-missing": "缺少文字说明",
    "unsound-text": "文字过长或含有不能保存的字符", "unit-not-arrived": "尚未到场", "not-own-unit": "不是本警力", "role-not-permitted": "此账号无此权限", "outside-scope": "不在管辖范围",
    "not-rostered": "当前不在班次内", "muster-over": "紧急集合已结束", "unit-off-duty": "已离岗",
    "version-conflict": "警情已有变化", "media-type": "不支持这种文件", "media-mismatch": "文件内容与类型不符，已隔离保存", "upload-size": "文件太大或为空", "too-many-uploads": "同时上传的文件太多", "taken-at": "拍摄时间不合理",
    "chunk-size": "片段过大", "recording-size": "录像过长", "recording-ended": "这段录像已结束", "no-such-recording": "没有这段录像", "chunks-lost": "部分片段已丢失",
  },
  en: {
    "assignment-ended": "You are no longer on this incident", "incident-ended": "The incident is over", "stage-backwards": "Stages go forward only", "unit-assigned": "Not while you are on an incident",
    "not-assigned": "You were not pushed to this incident", "unknown-broadcast": "There is no such broadcast", "unknown-note": "There is no such note", "unknown-incident": "No such incident, or you may not see it", "before-push": "The time is before the push", "implausible-time": "The time can't be right", "text-missing": "A text is missing",
    "unsound-text": "The text is too long or can't be stored", "unit-not-arrived": "Not on scene yet", "not-own-unit": "Not your unit", "role-not-permitted": "This account may not do that", "outside-scope": "Outside your scope",
    "not-rostered": "You are in no shift now", "muster-over": "The muster is over", "unit-off-duty": "You are off duty",
    "version-conflict": "The incident has changed", "media-type": "This kind of file is not accepted", "media-mismatch": "Kept apart: the file is not what it says it is", "upload-size": "The file is too large or empty", "too-many-uploads": "Too many uploads at once", "taken-at": "The time it was taken can't be right",
    "chunk-size": "A part is too large", "recording-size": "The video is too long", "recording-ended": "This video has ended", "no-such-recording": "There is no such video", "chunks-lost": "Parts of it are lost",
  },
};

export const GRADES = {
  "zh-CN": { 1: "重大", 2: "紧急", 3: "一般", 4: "非警务" },
  en: { 1: "Major", 2: "Urgent", 3: "Ordinary", 4: "Non-police" },
};

let language = "zh-CN";

export function chooseLanguage(wanted) {
  language = wanted.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
  document.documentElement.lang = language;
}

export const currentLanguage = () => language;

export function t(key, values = {}) {
  const text = WORDS[language][key];
  return typeof text === "string" ? text.replace(/\{(\w+)\}/g, (_, name) => values[name]) : text;
}

export const ruleWord = (rule) => RULES[language][rule] ?? "";
export const gradeWord = (grade) => GRADES[language][grade] ?? t("grade_other", { grade });
// A newer server may know stages and statuses that this page does not: they show under their own name, not as another or as nothing.
const named = (prefix, name) => WORDS[language][`${prefix}_${name}`] ?? name.replaceAll("_", " ");
export const stageWord = (stage) => named("stage", stage);
export const statusWord = (status) => named("status", status);
// A row of a code table ({id, zh, en}).
export const codeName = (row) => (language === "en" ? row.en : row.zh);

export const clock = (instant) => new Date(instant).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hour12: false });

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} ${t("seconds")}`;
  return whole < 3600 ? `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}` : `${Math.round(whole / 60)} ${t("minutes")}`;
}

export function distance(metres) {
  return metres < 1000 ? `${Math.round(metres)} ${t("metres")}` : `${(metres / 1000).toFixed(1).replace(".0", "")} ${t("km")}`;
}

export function bytes(size) {
  return size < 1e6 ? `${Math.ceil(size / 1e3)} KB` : `${(size / 1e6).toFixed(1)} MB`;
}
